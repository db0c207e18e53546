import java.util.Objects;

/** Makes the checks of the scenario one after the other, and tells what became of each. */
final class Checks {
    private int passed;
    private int failed;

    /** A check, which throws if it fails. */
    @FunctionalInterface
    interface Check {
        void run() throws Exception;
    }

    void check(String name, Check check) {
        try {
            check.run();
        } catch (Exception | AssertionError e) {
            e.printStackTrace();
            // What follows the first line would be read as lines of the scenario.
            System.out.printf("FAILED %s: %s%n", name, e.toString().lines().findFirst().orElse(""));
            failed++;
            return;
        }
        System.out.printf("ok %s%n", name);
        passed++;
    }

    /** Says how many passed, and returns the exit code. */
    int close() {
        System.out.printf("conformance: %d passed, %d failed%n", passed, failed);
        return failed == 0 ? 0 : 1;
    }

    static void equal(Object expected, Object found) {
        if (!Objects.equals(expected, found)) {
            throw new AssertionError("not %s but %s".formatted(expected, found));
        }
    }

    static void holds(boolean condition, Object found) {
        if (!condition) {
            throw new AssertionError("found " + found);
        }
    }
}
