/** Makes the checks of the scenario one after the other, and tells what became of each. */
class Checks {
    private var passed = 0
    private var failed = 0

    /** Makes a check, which throws if it fails. */
    suspend fun check(name: String, check: suspend () -> Unit) {
        try {
            check()
            println("ok $name")
            passed++
        } catch (e: Throwable) {
            e.printStackTrace()
            // What follows the first line would be read as lines of the scenario.
            println("FAILED $name: ${e.toString().lineSequence().first()}")
            failed++
        }
    }

    /** Says how many passed, and returns the exit code. */
    fun close(): Int {
        println("conformance: $passed passed, $failed failed")
        return if (failed == 0) 0 else 1
    }
}

fun <T> assertEquals(expected: T, found: T) {
    if (expected != found) throw AssertionError("not $expected but $found")
}

fun assertHolds(condition: Boolean, found: Any?) {
    if (!condition) throw AssertionError("found $found")
}
