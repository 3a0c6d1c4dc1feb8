//! The functions as the processes they are in Lambda.

use std::io::Read;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use super::world::World;

/// A running function; ended when dropped.
pub struct Process(Child);

impl Process {
    /// Starts `program` in the world's environment, without the variables named in `unset`.
    pub fn start(world: &World, program: &str, unset: &[&str]) -> Self {
        Self::start_with(world, program, &[], unset)
    }

    /// The same with arguments.
    pub fn start_with(world: &World, program: &str, arguments: &[&str], unset: &[&str]) -> Self {
        let environment = world.environment.iter().filter(|(name, _)| !unset.contains(&name.as_str()));
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env_clear()
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self(command.spawn().unwrap())
    }

    /// Waits for the process to end by itself.
    pub async fn ended(&mut self) -> ExitStatus {
        for _ in 0..2_000 {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("the function goes on");
    }

    /// Ends the process; returns what it wrote to standard output and standard error.
    pub fn stop(mut self) -> (String, String) {
        let _ = self.0.kill();
        let (mut out, mut err) = (String::new(), String::new());
        self.0.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.0.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (out, err)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
