import kotlin.system.exitProcess
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.add
import kotlinx.serialization.json.buildJsonObject
import kotlinx.serialization.json.put
import kotlinx.serialization.json.putJsonArray
import kotlinx.serialization.json.putJsonObject
import okhttp3.OkHttpClient
import synapse.agent.apis.ContainersApi
import synapse.agent.apis.DockerContainersApi
import synapse.agent.infrastructure.ApiException
import synapse.agent.infrastructure.Serializer
import synapse.agent.models.CreateDockerContainerRequest
import synapse.agent.models.DockerContainer
import synapse.agent.models.ErrorBodyDetail
import synapse.agent.models.FieldErrorLocInner
import synapse.agent.models.UpdateContainerRequest

private const val RELEASE = "my_plugin@1.0.0"
private val PARAMS = buildJsonObject {
    put("input", "data")
    putJsonObject("nested") {
        putJsonArray("list") {
            add(1)
            add(2.5)
            add(true)
            add(null)
        }
    }
    put("text", "ä漢🚀")
}
private val METADATA = mapOf("created_by" to JsonPrimitive("conformance"))
private val LABELS = listOf("production", "ml-model")

/** An HTTP client that sends the token, if there is one. The generated `ApiClient.apiKey` is one for the whole program. */
private fun http(token: String? = null): OkHttpClient {
    val builder = OkHttpClient.Builder()
    if (token != null) {
        builder.addInterceptor { it.proceed(it.request().newBuilder().header("Authorization", token).build()) }
    }
    return builder.build()
}

/** Returns the error that a call throws, which has this status and the contract's body. */
private suspend fun refused(status: Int, call: suspend () -> Any): ApiException {
    try {
        call()
    } catch (e: ApiException) {
        assertEquals(status, e.statusCode)
        assertHolds(e.errorBody != null, e.body)
        return e
    }
    throw AssertionError("it was answered")
}

private val ApiException.text: String
    get() = (errorBody?.detail as ErrorBodyDetail.StringValue).value

private suspend fun scenario(url: String, token: String, scriptedUrl: String): Int {
    val checks = Checks()
    val docker = DockerContainersApi(url, http(token))
    val records = ContainersApi(url, http(token))
    val scriptedDocker = DockerContainersApi(scriptedUrl, http())
    val scriptedRecords = ContainersApi(scriptedUrl, http())
    lateinit var first: DockerContainer
    lateinit var second: DockerContainer

    checks.check("no token") {
        refused(401) { DockerContainersApi(url, http()).listDockerContainers() }
    }

    checks.check("wrong token") {
        val error = refused(401) { DockerContainersApi(url, http("wrong")).listDockerContainers() }
        assertHolds(error.text.isNotEmpty(), error.text)
    }

    checks.check("list") {
        assertEquals(emptyList(), docker.listDockerContainers())
    }

    checks.check("create") {
        val request = CreateDockerContainerRequest(RELEASE, PARAMS, mapOf("DEBUG" to "true"), METADATA, LABELS)
        first = docker.createDockerContainer(request)
        assertEquals(first.id, first.dockerId)
        assertEquals(RELEASE, first.pluginRelease)
        assertEquals(LABELS, first.labels)
    }

    checks.check("get") {
        val found = docker.getDockerContainer(first.dockerId)
        assertEquals(true, found.running)
        assertEquals("running", found.status)
        assertHolds(found.endpoint.orEmpty().startsWith("http://127.0.0.1:"), found.endpoint)
    }

    checks.check("record") {
        val record = records.getContainer(first.recordId!!)
        assertEquals<Map<String, *>?>(PARAMS, record.params)
        assertEquals<Map<String, *>?>(METADATA, record.metadata)
        assertEquals(LABELS, record.labels)
    }

    checks.check("one segment") {
        val name = "a/b?c#d é漢"
        val error = refused(404) { docker.getDockerContainer(name) }
        assertHolds(name in error.text, error.text)
    }

    checks.check("two pages") {
        second = docker.createDockerContainer(CreateDockerContainerRequest(RELEASE))
        val newest = records.listContainers(pluginRelease = RELEASE, page = 1, pageSize = 1)
        assertEquals(listOf(second.recordId), newest.results.map { it.id })
        assertEquals(2, newest.count)
        assertHolds(newest.next != null, newest)
        val oldest = records.listContainers(pluginRelease = RELEASE, page = 2, pageSize = 1)
        assertEquals(listOf(first.recordId), oldest.results.map { it.id })
        assertEquals(null, oldest.next)
    }

    checks.check("filter") {
        assertEquals(2, records.listContainers(status = "running").results.size)
        assertEquals(emptyList(), records.listContainers(status = "stopped").results)
    }

    checks.check("another filter") {
        val found = records.listContainers(filters = mapOf("docker_id" to first.dockerId)).results
        assertEquals(listOf(first.recordId), found.map { it.id })
    }

    checks.check("update") {
        val id = second.recordId!!
        assertEquals("stopped", records.updateContainer(id, UpdateContainerRequest("stopped")).status)
        assertEquals("stopped", records.getContainer(id).status)
    }

    checks.check("invalid") {
        val error = refused(422) { docker.createDockerContainer(CreateDockerContainerRequest("no-version")) }
        val field = (error.errorBody?.detail as ErrorBodyDetail.ListFieldErrorValue).value.first()
        assertEquals(listOf("body", "plugin_release"), field.loc.map { (it as FieldErrorLocInner.StringValue).value })
        assertHolds(field.type.isNotEmpty(), field)
        assertHolds(field.msg.isNotEmpty(), field)
    }

    checks.check("logs") {
        val logs = docker.getDockerContainerLogs(first.dockerId, tail = 1)
        assertHolds(logs.trimEnd().lines().size == 1, logs)
    }

    checks.check("unknown fields") {
        val container = scriptedDocker.listDockerContainers().single()
        assertEquals("0123456789ab", container.dockerId)
        assertEquals(false, container.running)
    }

    checks.check("unknown status") {
        assertEquals("hibernating", scriptedDocker.listDockerContainers().single().status)
    }

    checks.check("null optionals") {
        val container = scriptedDocker.listDockerContainers().single()
        val nulls = with(container) { listOf(name, image, endpoint, pluginRelease, labels, createdAt, recordId, exitCode) }
        val missing = with(scriptedRecords.getContainer(7)) {
            listOf(
                dockerId, statusReason, exitCode, endedAt, endpoint, hostPort, params, metadata, labels, createdAt, updatedAt,
            )
        }
        assertEquals(emptyList(), (nulls + missing).filterNotNull())
    }

    checks.check("unknown fields in a page") {
        val page = scriptedRecords.listContainers()
        assertEquals(null, page.count)
        assertEquals("hibernating", page.results.single().status)
    }

    checks.check("too many requests") {
        val error = refused(429) { scriptedDocker.getDockerContainer("0123456789ab") }
        assertEquals(listOf("7"), error.headers["Retry-After"])
        assertEquals("Too many requests.", error.text)
    }

    checks.check("delete") {
        docker.deleteDockerContainer(first.dockerId)
    }

    checks.check("delete again") {
        refused(404) { docker.deleteDockerContainer(first.dockerId) }.text
    }

    checks.check("delete record") {
        val id = second.recordId!!
        records.deleteContainer(id)
        refused(404) { records.getContainer(id) }.text
    }

    return checks.close()
}

fun main() {
    // What is not set is not sent; null would be otherwise, which the agent refuses.
    Serializer.kotlinxSerializationJsonConfiguration = { encodeDefaults = false }
    val environment = System.getenv()
    val code = runBlocking {
        scenario(
            environment.getValue("SYNAPSE_AGENT_URL"),
            environment.getValue("SYNAPSE_AGENT_TOKEN"),
            environment.getValue("SYNAPSE_SCRIPTED_URL"),
        )
    }
    exitProcess(code)
}
