import createClient, { type Client, type ClientOptions, defaultPathSerializer, mergeHeaders } from "openapi-fetch";

import type { paths } from "./schema.js";

export type * from "./schema.js";

/** A client of an agent: `GET`, `POST`, `PATCH` and `DELETE`, each with the contract's paths and their types. */
export type AgentClient = Client<paths>;

/** Whatever `fetch` takes with each request, a `fetch` of one's own, and headers, such as `SYNAPSE-Tenant`. */
export type AgentClientOptions = Omit<ClientOptions, "baseUrl" | "querySerializer" | "pathSerializer">;

/**
 * Makes a client of an agent.
 *
 * @param baseUrl Where the agent is, with its path prefix if it has one.
 * @param token The agent's token, verbatim.
 */
export function createAgentClient(baseUrl: string, token?: string, options: AgentClientOptions = {}): AgentClient {
  return createClient<paths>({
    ...options,
    baseUrl,
    headers: mergeHeaders({ Authorization: token }, options.headers),
    // The contract's `filters` are query parameters of their own.
    querySerializer: { object: { style: "form", explode: true } },
    pathSerializer,
  });
}

/** Refuses what would lead to another path: URLs have no empty segments here, and `..` is resolved, even escaped. */
function pathSerializer(path: string, parameters: Record<string, unknown>): string {
  for (const [name, value] of Object.entries(parameters)) {
    if (["", ".", ".."].includes(String(value))) {
      throw new RangeError(`${name} cannot be ${JSON.stringify(value)}`);
    }
  }
  return defaultPathSerializer(path, parameters);
}
