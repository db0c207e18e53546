import { createAgentClient, type DockerContainer, type ErrorBody } from "synapse-agent-api";

import { assert, assertEqual, Checks } from "./checks.js";

/** What the program finds in its environment, which in a browser is its page's. */
export interface Environment {
  SYNAPSE_AGENT_URL: string;
  SYNAPSE_AGENT_TOKEN: string;
  SYNAPSE_SCRIPTED_URL: string;
}

const RELEASE = "my_plugin@1.0.0";
const PARAMS = { input: "data", nested: { list: [1, 2.5, true, null] }, text: "ä漢🚀" };
const METADATA = { created_by: "conformance" };
const LABELS = ["production", "ml-model"];

type Result<T> =
  | { data: T; error?: never; response: Response }
  | { data?: never; error: ErrorBody; response: Response };

/** The data of a call that is answered as it should be. */
async function answered<T>(call: Promise<Result<T>>): Promise<T> {
  const { data, error, response } = await call;
  if (error) {
    throw new Error(`${response.status}: ${JSON.stringify(error)}`);
  }
  assert(response.ok, `${response.status} is a success`);
  return data;
}

/** The error of a call that is refused with this status. */
async function refused(call: Promise<Result<unknown>>, status: number): Promise<ErrorBody> {
  const { error, response } = await call;
  assertEqual(response.status, status);
  assert(error, "it has an error");
  return error;
}

/** Makes the checks, prints a line for each, and returns the exit code. */
export async function scenario(env: Environment, print: (line: string) => void): Promise<number> {
  const checks = new Checks(print);
  const agent = createAgentClient(env.SYNAPSE_AGENT_URL, env.SYNAPSE_AGENT_TOKEN);
  const scripted = createAgentClient(env.SYNAPSE_SCRIPTED_URL);
  let first: DockerContainer;
  let second: DockerContainer;

  const getContainer = (container_id: string) =>
    agent.GET("/containers/docker/{container_id}", { params: { path: { container_id } } });
  const deleteContainer = (container_id: string) =>
    agent.DELETE("/containers/docker/{container_id}", { params: { path: { container_id } } });
  const getRecord = (record: number | null | undefined, client = agent) => {
    assert(record, "there is a record");
    return client.GET("/containers/{container_id}", { params: { path: { container_id: record } } });
  };

  await checks.check("no token", async () => {
    await refused(createAgentClient(env.SYNAPSE_AGENT_URL).GET("/containers/docker/"), 401);
  });

  await checks.check("wrong token", async () => {
    const { detail } = await refused(createAgentClient(env.SYNAPSE_AGENT_URL, "wrong").GET("/containers/docker/"), 401);
    assert(typeof detail === "string" && detail, "the detail is a text");
  });

  await checks.check("list", async () => {
    assertEqual(await answered(agent.GET("/containers/docker/")), []);
  });

  await checks.check("create", async () => {
    const body = {
      plugin_release: RELEASE,
      params: PARAMS,
      envs: { DEBUG: "true" },
      metadata: METADATA,
      labels: LABELS,
    };
    first = await answered(agent.POST("/containers/docker/", { body }));
    assertEqual(first.docker_id, first.id);
    assertEqual([first.plugin_release, first.labels], [RELEASE, LABELS]);
  });

  await checks.check("get", async () => {
    const found = await answered(getContainer(first.docker_id));
    assertEqual([found.running, found.status], [true, "running"]);
    assert(found.endpoint?.startsWith("http://127.0.0.1:"), "the endpoint is on this machine");
  });

  await checks.check("record", async () => {
    const record = await answered(getRecord(first.record_id));
    assertEqual([record.params, record.metadata, record.labels], [PARAMS, METADATA, LABELS]);
  });

  await checks.check("one segment", async () => {
    const id = "a/b?c#d é漢";
    const { detail } = await refused(getContainer(id), 404);
    assert(typeof detail === "string" && detail.includes(id), "the detail has the id");
    // No escape makes one segment of these: the client does not send them.
    for (const none of ["", ".", ".."]) {
      const refusal = await getContainer(none).catch((error: unknown) => error);
      assert(refusal instanceof RangeError, `${JSON.stringify(none)} is refused`);
    }
  });

  await checks.check("two pages", async () => {
    second = await answered(agent.POST("/containers/docker/", { body: { plugin_release: RELEASE } }));
    const getPage = (page: number) =>
      answered(agent.GET("/containers/", { params: { query: { plugin_release: RELEASE, page, page_size: 1 } } }));
    const one = await getPage(1);
    assertEqual(one.results.map((record) => record.id), [second.record_id]);
    assertEqual(one.count, 2);
    assert(one.next, "there is another page");
    const two = await getPage(2);
    assertEqual(two.results.map((record) => record.id), [first.record_id]);
    assertEqual(two.next, null);
  });

  await checks.check("filter", async () => {
    const running = await answered(agent.GET("/containers/", { params: { query: { status: "running" } } }));
    assertEqual(running.results.length, 2);
    const stopped = await answered(agent.GET("/containers/", { params: { query: { status: "stopped" } } }));
    assertEqual(stopped.results, []);
  });

  await checks.check("another filter", async () => {
    const filters = { docker_id: first.docker_id };
    const page = await answered(agent.GET("/containers/", { params: { query: { filters } } }));
    assertEqual(page.results.map((record) => record.id), [first.record_id]);
  });

  await checks.check("update", async () => {
    assert(second.record_id, "there is a record");
    const params = { path: { container_id: second.record_id } };
    const body = { status: "stopped" };
    const updated = await answered(agent.PATCH("/containers/{container_id}", { params, body }));
    assertEqual(updated.status, "stopped");
    assertEqual((await answered(getRecord(second.record_id))).status, "stopped");
  });

  await checks.check("invalid", async () => {
    const body = { plugin_release: "no-version" };
    const { detail } = await refused(agent.POST("/containers/docker/", { body }), 422);
    assert(Array.isArray(detail), "the detail is a list");
    const [field] = detail;
    assertEqual(field?.loc, ["body", "plugin_release"]);
    assert(field?.type && field.msg, "a type and a message");
  });

  await checks.check("logs", async () => {
    const params = { path: { container_id: first.docker_id }, query: { tail: 1 } };
    const logs = await answered(
      agent.GET("/containers/docker/{container_id}/logs/", { params, parseAs: "text" }),
    );
    assertEqual(typeof logs, "string");
  });

  await checks.check("unknown fields", async () => {
    const containers = await answered(scripted.GET("/containers/docker/"));
    assertEqual(containers.length, 1);
    assertEqual([containers[0]?.docker_id, containers[0]?.running], ["0123456789ab", false]);
    assertEqual([containers[0]?.["region"], containers[0]?.["gpus"]], ["eu-north", [0, 1]]);
  });

  await checks.check("unknown status", async () => {
    const [container] = await answered(scripted.GET("/containers/docker/"));
    assertEqual(container?.status, "hibernating");
  });

  await checks.check("null optionals", async () => {
    const [container] = await answered(scripted.GET("/containers/docker/"));
    assert(container, "there is a container");
    const { name, image, endpoint, plugin_release, labels, created_at, record_id, exit_code } = container;
    for (const optional of [name, image, endpoint, plugin_release, labels, created_at, record_id, exit_code]) {
      assertEqual(optional, null);
    }
    const { id, plugin_release: release, status, ...rest } = await answered(getRecord(7, scripted));
    assertEqual([id, release, status], [7, RELEASE, "hibernating"]);
    for (const optional of [rest.docker_id, rest.status_reason, rest.exit_code, rest.ended_at, rest.endpoint]) {
      assertEqual(optional, undefined);
    }
    for (const optional of [rest.host_port, rest.params, rest.metadata, rest.labels, rest.created_at, rest.updated_at]) {
      assertEqual(optional, undefined);
    }
  });

  await checks.check("unknown fields in a page", async () => {
    const page = await answered(scripted.GET("/containers/"));
    assertEqual(page.count, undefined);
    assertEqual(page.results.map((record) => record.status), ["hibernating"]);
    assertEqual([page["region"], page.results[0]?.["region"]], ["eu-north", "eu-north"]);
  });

  await checks.check("too many requests", async () => {
    const call = scripted.GET("/containers/docker/{container_id}", { params: { path: { container_id: "0123456789ab" } } });
    assertEqual((await refused(call, 429)).detail, "Too many requests.");
    assertEqual((await call).response.headers.get("Retry-After"), "7");
  });

  await checks.check("delete", async () => {
    assertEqual(await answered(deleteContainer(first.docker_id)), undefined);
  });

  await checks.check("delete again", async () => {
    await refused(deleteContainer(first.docker_id), 404);
  });

  await checks.check("delete record", async () => {
    assert(second.record_id, "there is a record");
    const params = { path: { container_id: second.record_id } };
    assertEqual(await answered(agent.DELETE("/containers/{container_id}", { params })), undefined);
    await refused(getRecord(second.record_id), 404);
  });

  return checks.close();
}
