import { scenario } from "./dist/scenario.js";

process.exitCode = await scenario(process.env, console.log);
