// Runs the scenario in a page in Chromium, and prints what it prints: chromium.js BUNDLE CHROMIUM
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";

import { chromium } from "playwright-core";

const TIMEOUT = 120_000;
// Chromium is to ask nobody for anything on its own account, and no name leads anywhere.
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
];

const [bundle, executablePath] = process.argv.slice(2);
const served = new Map([
  ["/", ["text/html", "<!doctype html><meta charset=utf-8><title>Conformance</title>"]],
  ["/scenario.js", ["text/javascript", await readFile(bundle)]],
]);
const server = createServer((request, response) => {
  const [type, body] = served.get(request.url) ?? [];
  response.writeHead(body ? 200 : 404, { "Content-Type": type ?? "text/plain" }).end(body);
});
server.listen(0, "127.0.0.1");
await once(server, "listening");

const browser = await chromium.launch({ executablePath, args: FLAGS });
// Without its browser the page is gone, and what waits for it fails.
const timer = setTimeout(() => browser.close(), TIMEOUT);
try {
  const page = await browser.newPage();
  page.on("console", (message) => (message.type() === "log" ? console.log : console.error)(message.text()));
  // An origin of its own: whatever the page asks the agent is asked across origins.
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  const { SYNAPSE_AGENT_URL, SYNAPSE_AGENT_TOKEN, SYNAPSE_SCRIPTED_URL } = process.env;
  process.exitCode = await page.evaluate(
    async (env) => (await import("/scenario.js")).scenario(env, console.log),
    { SYNAPSE_AGENT_URL, SYNAPSE_AGENT_TOKEN, SYNAPSE_SCRIPTED_URL },
  );
} finally {
  clearTimeout(timer);
  await browser.close();
  server.close();
}
