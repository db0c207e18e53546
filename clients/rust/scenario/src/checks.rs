//! The scenario's checks, counted and printed.

use std::process::ExitCode;

use anyhow::Result;

#[derive(Default)]
pub struct Checks {
    passed: usize,
    failed: usize,
}

impl Checks {
    /// Makes a check, and returns what it found if it passed.
    pub async fn check<T>(&mut self, name: &str, check: impl Future<Output = Result<T>>) -> Option<T> {
        match check.await {
            Ok(found) => {
                self.passed += 1;
                println!("ok {name}");
                Some(found)
            }
            Err(why) => {
                self.failed += 1;
                println!("FAILED {name}: {}", format!("{why:?}").replace('\n', " "));
                None
            }
        }
    }

    /// Prints the sum, and returns the exit code.
    pub fn close(self) -> ExitCode {
        println!("conformance: {} passed, {} failed", self.passed, self.failed);
        ExitCode::from(u8::from(self.failed > 0))
    }
}
