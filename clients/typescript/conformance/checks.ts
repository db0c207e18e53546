/** Makes the scenario's checks one after the other, prints a line for each, and counts them. */
export class Checks {
  #passed = 0;
  #failed = 0;
  readonly #print: (line: string) => void;

  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  /** Makes a check, which fails if it throws. */
  async check(name: string, check: () => Promise<void>): Promise<void> {
    try {
      await check();
      this.#print(`ok ${name}`);
      this.#passed += 1;
    } catch (error) {
      console.error(error);
      this.#print(`FAILED ${name}: ${String(error).replaceAll("\n", " ")}`);
      this.#failed += 1;
    }
  }

  /** Prints how many passed, and returns the exit code. */
  close(): number {
    this.#print(`conformance: ${this.#passed} passed, ${this.#failed} failed`);
    return this.#failed ? 1 : 0;
  }
}

export function assert(condition: unknown, what: string): asserts condition {
  if (!condition) {
    throw new Error(`not so: ${what}`);
  }
}

/** Checks that two values are the same as JSON. */
export function assertEqual(actual: unknown, expected: unknown): void {
  const [found, wanted] = [JSON.stringify(actual), JSON.stringify(expected)];
  assert(found === wanted, `${found} is ${wanted}`);
}
