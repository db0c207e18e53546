import com.google.gson.ToNumberPolicy;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import synapse.agent.ApiClient;
import synapse.agent.ApiException;
import synapse.agent.JSON;
import synapse.agent.api.ContainersApi;
import synapse.agent.api.DockerContainersApi;
import synapse.agent.auth.ApiKeyAuth;
import synapse.agent.model.Container;
import synapse.agent.model.CreateDockerContainerRequest;
import synapse.agent.model.DockerContainer;
import synapse.agent.model.FieldErrorLocInner;
import synapse.agent.model.UpdateContainerRequest;

/** The conformance scenario. */
final class Scenario {
    private static final String RELEASE = "my_plugin@1.0.0";
    private static final Map<String, Object> PARAMS = Map.of(
            "input", "data", "nested", Map.of("list", Arrays.asList(1L, 2.5, true, null)), "text", "ä漢🚀");
    private static final Map<String, Object> METADATA = Map.of("created_by", "conformance");
    private static final List<String> LABELS = List.of("production", "ml-model");

    private final String url = System.getenv("SYNAPSE_AGENT_URL");
    private final ApiClient client = client(url, System.getenv("SYNAPSE_AGENT_TOKEN"));
    private final ApiClient scripted = client(System.getenv("SYNAPSE_SCRIPTED_URL"), null);
    private final DockerContainersApi docker = new DockerContainersApi(client);
    private final ContainersApi records = new ContainersApi(client);
    private final DockerContainersApi scriptedDocker = new DockerContainersApi(scripted);
    private final ContainersApi scriptedRecords = new ContainersApi(scripted);
    private DockerContainer first;
    private DockerContainer second;

    public static void main(String[] arguments) {
        // Gson reads the whole numbers in free fields as doubles otherwise.
        JSON.setGson(JSON.getGson()
                .newBuilder()
                .setObjectToNumberStrategy(ToNumberPolicy.LONG_OR_DOUBLE)
                .create());
        System.exit(new Scenario().run());
    }

    private int run() {
        Checks checks = new Checks();
        checks.check("no token", this::noToken);
        checks.check("wrong token", this::wrongToken);
        checks.check("list", this::list);
        checks.check("create", this::create);
        checks.check("get", this::get);
        checks.check("record", this::record);
        checks.check("one segment", this::oneSegment);
        checks.check("two pages", this::twoPages);
        checks.check("filter", this::filter);
        checks.check("another filter", this::anotherFilter);
        checks.check("update", this::update);
        checks.check("invalid", this::invalid);
        checks.check("logs", this::logs);
        checks.check("unknown fields", this::unknownFields);
        checks.check("unknown status", this::unknownStatus);
        checks.check("null optionals", this::nullOptionals);
        checks.check("unknown fields in a page", this::unknownFieldsInAPage);
        checks.check("too many requests", this::tooManyRequests);
        checks.check("delete", this::delete);
        checks.check("delete again", this::deleteAgain);
        checks.check("delete record", this::deleteRecord);
        return checks.close();
    }

    private void noToken() {
        DockerContainersApi denied = new DockerContainersApi(client(url, null));
        error(401, denied::listDockerContainers);
    }

    private void wrongToken() {
        DockerContainersApi denied = new DockerContainersApi(client(url, "wrong"));
        String detail = text(error(401, denied::listDockerContainers));
        Checks.holds(!detail.isEmpty(), detail);
    }

    private void list() throws ApiException {
        Checks.equal(List.of(), docker.listDockerContainers());
    }

    private void create() throws ApiException {
        first = docker.createDockerContainer(new CreateDockerContainerRequest()
                .pluginRelease(RELEASE)
                .params(PARAMS)
                .envs(Map.of("DEBUG", "true"))
                .metadata(METADATA)
                .labels(LABELS));
        Checks.equal(first.getId(), first.getDockerId());
        Checks.equal(RELEASE, first.getPluginRelease());
        Checks.equal(LABELS, first.getLabels());
    }

    private void get() throws ApiException {
        DockerContainer found = docker.getDockerContainer(first.getDockerId());
        Checks.equal(true, found.getRunning());
        Checks.equal("running", found.getStatus());
        Checks.holds(found.getEndpoint().startsWith("http://127.0.0.1:"), found.getEndpoint());
    }

    private void record() throws ApiException {
        Container record = records.getContainer(first.getRecordId());
        Checks.equal(PARAMS, record.getParams());
        Checks.equal(METADATA, record.getMetadata());
        Checks.equal(LABELS, record.getLabels());
    }

    private void oneSegment() {
        String name = "a/b?c#d é漢";
        String detail = text(error(404, () -> docker.getDockerContainer(name)));
        Checks.holds(detail.contains(name), detail);
    }

    private void twoPages() throws ApiException {
        second = docker.createDockerContainer(new CreateDockerContainerRequest().pluginRelease(RELEASE));
        var page = records.listContainers(null, RELEASE, 1, 1, null);
        Checks.equal(List.of(second.getRecordId()), ids(page.getResults()));
        Checks.equal(2, page.getCount());
        Checks.holds(page.getNext() != null, page);
        page = records.listContainers(null, RELEASE, 2, 1, null);
        Checks.equal(List.of(first.getRecordId()), ids(page.getResults()));
        Checks.equal(null, page.getNext());
    }

    private void filter() throws ApiException {
        Checks.equal(2, records.listContainers("running", null, null, null, null).getResults().size());
        Checks.equal(List.of(), records.listContainers("stopped", null, null, null, null).getResults());
    }

    private void anotherFilter() throws ApiException {
        Map<String, Object> filters = Map.of("docker_id", first.getDockerId());
        var page = records.listContainers(null, null, null, null, filters);
        Checks.equal(List.of(first.getRecordId()), ids(page.getResults()));
    }

    private void update() throws ApiException {
        var stopped = new UpdateContainerRequest().status("stopped");
        Checks.equal("stopped", records.updateContainer(second.getRecordId(), stopped).getStatus());
        Checks.equal("stopped", records.getContainer(second.getRecordId()).getStatus());
    }

    private void invalid() {
        var request = new CreateDockerContainerRequest().pluginRelease("no-version");
        ApiException error = error(422, () -> docker.createDockerContainer(request));
        var field = error.getErrorBody().getDetail().getListFieldError().get(0);
        Checks.equal(
                List.of("body", "plugin_release"),
                field.getLoc().stream().map(FieldErrorLocInner::getActualInstance).toList());
        Checks.holds(!field.getType().isEmpty(), field);
        Checks.holds(!field.getMsg().isEmpty(), field);
    }

    private void logs() throws ApiException {
        String logs = docker.getDockerContainerLogs(first.getDockerId(), 1);
        Checks.holds(logs != null && logs.lines().count() <= 1, logs);
    }

    private void unknownFields() throws ApiException {
        DockerContainer container = only(scriptedDocker.listDockerContainers());
        Checks.equal("0123456789ab", container.getDockerId());
        Checks.equal(false, container.getRunning());
        Checks.equal("eu-north", container.getAdditionalProperty("region"));
    }

    private void unknownStatus() throws ApiException {
        Checks.equal("hibernating", only(scriptedDocker.listDockerContainers()).getStatus());
    }

    private void nullOptionals() throws ApiException {
        DockerContainer container = only(scriptedDocker.listDockerContainers());
        nothing(
                container.getName(), container.getImage(), container.getEndpoint(), container.getPluginRelease(),
                container.getLabels(), container.getCreatedAt(), container.getRecordId(), container.getExitCode());
        Container record = scriptedRecords.getContainer(7);
        nothing(
                record.getDockerId(), record.getStatusReason(), record.getExitCode(), record.getEndedAt(),
                record.getEndpoint(), record.getHostPort(), record.getParams(), record.getMetadata(),
                record.getLabels(), record.getCreatedAt(), record.getUpdatedAt());
    }

    private void unknownFieldsInAPage() throws ApiException {
        var page = scriptedRecords.listContainers(null, null, null, null, null);
        Checks.equal(null, page.getCount());
        Checks.equal("hibernating", only(page.getResults()).getStatus());
    }

    private void tooManyRequests() {
        ApiException error = error(429, () -> scriptedDocker.getDockerContainer("0123456789ab"));
        Checks.equal(List.of("7"), error.getResponseHeaders().get("Retry-After"));
        Checks.equal("Too many requests.", text(error));
    }

    private void delete() throws ApiException {
        docker.deleteDockerContainer(first.getDockerId());
    }

    private void deleteAgain() {
        text(error(404, () -> docker.deleteDockerContainer(first.getDockerId())));
    }

    private void deleteRecord() throws ApiException {
        records.deleteContainer(second.getRecordId());
        text(error(404, () -> records.getContainer(second.getRecordId())));
    }

    private static ApiClient client(String url, String token) {
        ApiClient client = new ApiClient().setBasePath(url);
        if (token != null) {
            // setApiKey would give it to whichever of the three tokens comes first.
            ((ApiKeyAuth) client.getAuthentication("agentToken")).setApiKey(token);
        }
        return client;
    }

    /** Returns the error that a call throws, which has this status and the contract's body. */
    private static ApiException error(int status, Checks.Check call) {
        try {
            call.run();
        } catch (ApiException e) {
            Checks.equal(status, e.getCode());
            Checks.holds(e.getErrorBody() != null, e.getResponseBody());
            return e;
        } catch (Exception e) {
            throw new AssertionError("another error", e);
        }
        throw new AssertionError("it was answered");
    }

    private static String text(ApiException error) {
        return error.getErrorBody().getDetail().getString();
    }

    private static List<Integer> ids(List<Container> records) {
        return records.stream().map(Container::getId).toList();
    }

    private static <T> T only(List<T> found) {
        Checks.equal(1, found.size());
        return found.get(0);
    }

    private static void nothing(Object... values) {
        Checks.equal(0L, Stream.of(values).filter(value -> value != null).count());
    }
}
