//! Who is measured, and how each is started. A subject whose program is not there is reported as not run, with the reason.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::line::Line;
use crate::process::{Placement, Process};
use crate::runtime_api::RuntimeApi;
use crate::work::MOUNT;
use crate::{Outcome, envoy, gateway, sigv4};

/// Between two looks whether a process still runs.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How a subject is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// By the fake Runtime API.
    Lambda,
    /// By HTTP.
    Http,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The forwarder function.
    Function,
    /// The forwarder function with a tenant from a file, without limits: it calls Bedrock and nobody else, as the peers do.
    Tableless,
    /// `forwarder serve`.
    Server,
    /// A function written in Go.
    Go,
    /// A function written in JavaScript, on the official runtime client.
    Node,
    /// A function written in Python, on the official runtime client.
    Python,
    /// Envoy with its `aws_request_signing` filter.
    Envoy,
    /// aws-sigv4-proxy.
    SigV4Proxy,
    /// No subject: the client calls the fake Bedrock itself.
    Direct,
}

/// Where programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    /// The packed forwarder function.
    pub function: PathBuf,
    /// The release build with `serve`.
    pub server: PathBuf,
    /// What `peers/setup.sh` made.
    pub peers: PathBuf,
    /// Folder for files of this run.
    pub scratch: PathBuf,
}

/// Where the fakes are.
#[derive(Debug, Clone)]
pub struct Fakes {
    /// URL of the fake Bedrock.
    pub upstream: String,
    /// Port of it.
    pub upstream_address: SocketAddr,
    /// The fake DynamoDB.
    pub table: SocketAddr,
}

/// A subject that runs.
pub struct Running {
    /// Its process; none of [`Kind::Direct`].
    pub process: Option<Process>,
    /// The line to it.
    pub line: Line,
    /// When it was started.
    pub started: Instant,
    /// When it was ready for its first call.
    pub ready: Instant,
}

impl Kind {
    /// All of one form, ours first.
    pub fn all(form: Form) -> &'static [Self] {
        match form {
            Form::Lambda => &[Self::Function, Self::Tableless, Self::Go, Self::Node, Self::Python],
            Form::Http => &[Self::Server, Self::Envoy, Self::SigV4Proxy, Self::Direct],
        }
    }

    /// For the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Function | Self::Server => "ours",
            Self::Tableless => "ours, no table",
            Self::Go => "Go",
            Self::Node => "Node.js",
            Self::Python => "Python",
            Self::Envoy => "Envoy",
            Self::SigV4Proxy => "aws-sigv4-proxy",
            Self::Direct => "(direct)",
        }
    }

    /// The program that must be there.
    pub fn program(self, programs: &Programs) -> PathBuf {
        match self {
            Self::Function => programs.function.clone(),
            Self::Server | Self::Tableless | Self::Direct => programs.server.clone(),
            Self::Go => programs.peers.join("go/forwarder"),
            Self::Node => programs.peers.join("node/node_modules/aws-lambda-ric/index.mjs"),
            Self::Python => programs.peers.join("python/bin/python"),
            Self::Envoy => programs.peers.join("envoy/envoy"),
            Self::SigV4Proxy => programs.peers.join("aws-sigv4-proxy/aws-sigv4-proxy"),
        }
    }

    /// Whether it is ours, in a form that is there to be compared with and that nobody runs.
    pub fn is_for_comparison(self) -> bool {
        self == Self::Tableless
    }

    /// Whether what it is made of fits in one file whose size means something.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Function | Self::Server | Self::Go | Self::Envoy | Self::SigV4Proxy)
    }

    /// Why it is not run, if it is not.
    pub fn missing(self, programs: &Programs) -> Option<String> {
        let program = self.program(programs);
        if program.exists() {
            return None;
        }
        let folder = match self {
            Self::Function | Self::Tableless | Self::Server | Self::Direct => {
                return Some(format!("{} is not there", program.display()));
            }
            Self::Go => "go",
            Self::Node => "node",
            Self::Python => "python",
            Self::Envoy => "envoy",
            Self::SigV4Proxy => "aws-sigv4-proxy",
        };
        let reason = std::fs::read_to_string(programs.peers.join(format!("{folder}.missing")));
        Some(reason.map_or_else(|_| "peers/setup.sh did not install it".to_owned(), |text| text.trim().to_owned()))
    }

    /// Its version, as it says itself or as its pinned sources do.
    pub fn version(self, programs: &Programs) -> String {
        let folder = match self {
            Self::Function | Self::Tableless | Self::Server | Self::Direct => return "this repository".to_owned(),
            Self::Go => "go",
            Self::Node => "node",
            Self::Python => "python",
            Self::Envoy => "envoy",
            Self::SigV4Proxy => "aws-sigv4-proxy",
        };
        let version = std::fs::read_to_string(programs.peers.join(format!("{folder}.version")));
        version.map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
    }

    /// Starts it among `fakes` and waits until it is ready.
    ///
    /// # Errors
    /// Where it does not become ready.
    pub async fn start(self, programs: &Programs, fakes: &Fakes, placement: Placement) -> Outcome<Running> {
        if self == Self::Direct {
            let line = Line::http(fakes.upstream_address, "").await?;
            return Ok(Running { process: None, line, started: Instant::now(), ready: Instant::now() });
        }
        let mut command = Command::new(self.program(programs));
        environment(&mut command, programs, fakes);
        let (started, mut process, mut line);
        if Self::all(Form::Lambda).contains(&self) {
            let api = RuntimeApi::start().await?;
            self.lambda_command(&mut command, programs, api.address)?;
            started = Instant::now();
            process = Process::start(&mut command, placement)?;
            line = Line::Lambda(Box::new(api));
        } else {
            // Free a moment ago, which is as much as can be known.
            let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
            self.http_command(&mut command, programs, fakes, address)?;
            started = Instant::now();
            process = Process::start(&mut command, placement)?;
            let mount = if self == Self::Server { MOUNT } else { "" };
            line = Line::http(address, mount).await?;
        }
        let ready = tokio::select! {
            ready = line.ready() => ready?,
            ended = ended(&mut process) => return Err(ended),
        };
        Ok(Running { process: Some(process), line, started, ready })
    }

    fn lambda_command(self, command: &mut Command, programs: &Programs, api: SocketAddr) -> Outcome<()> {
        let peers = |folder: &str| programs.peers.join(folder);
        match self {
            Self::Tableless => {
                let policy = file(programs, "tenant.json", gateway::policy_file(&gateway::no_limits())?)?;
                command.args(["function", "--policy-file"]).arg(policy);
            }
            Self::Node => {
                let client = self.program(programs);
                *command = rebuilt(command, Path::new("node"));
                command.arg(client).env("_HANDLER", "index.handler");
                command.current_dir(peers("node")).env("LAMBDA_TASK_ROOT", peers("node"));
            }
            Self::Python => {
                command.args(["-m", "awslambdaric", "forwarder.handler"]);
                command.current_dir(peers("python")).env("LAMBDA_TASK_ROOT", peers("python"));
            }
            _ => {}
        }
        command.env("AWS_LAMBDA_RUNTIME_API", api.to_string());
        Ok(())
    }

    fn http_command(
        self,
        command: &mut Command,
        programs: &Programs,
        fakes: &Fakes,
        address: SocketAddr,
    ) -> Outcome<()> {
        match self {
            Self::Server => {
                let policy = file(programs, "policy.json", gateway::policy_file(&gateway::limits())?)?;
                command.args(["serve", "--listen", &address.to_string(), "--policy-file"]).arg(policy);
            }
            Self::Envoy => {
                let config = file(programs, "envoy.json", envoy::config(address, fakes.upstream_address).to_string())?;
                // One worker for one core, and no restart machinery, which two of them on one machine would share.
                command.args(["--concurrency", "1", "--disable-hot-restart", "-l", "error", "-c"]).arg(config);
            }
            Self::SigV4Proxy => {
                let upstream = fakes.upstream_address.to_string();
                let host = format!("bedrock-runtime.{}.amazonaws.com", gateway::REGION);
                command.args(["--port", &address.to_string(), "--name", "bedrock", "--region", gateway::REGION]);
                command.args(["--host", &upstream, "--sign-host", &host, "--upstream-url-scheme", "http"]);
            }
            _ => {}
        }
        Ok(())
    }
}

/// A file of this run.
fn file(programs: &Programs, name: &str, content: String) -> Outcome<PathBuf> {
    let path = programs.scratch.join(name);
    std::fs::write(&path, content)?;
    Ok(path)
}

/// Waits until the process ended, if it ever does; how it did.
async fn ended(process: &mut Process) -> Box<dyn std::error::Error + Send + Sync> {
    loop {
        if let Err(how) = process.check() {
            return how;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// What all get to see: an execution environment of Lambda's, and where the fakes are.
fn environment(command: &mut Command, programs: &Programs, fakes: &Fakes) {
    let authority = programs.scratch.join("authority.pem");
    command.env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    command.envs([
        ("AWS_REGION", gateway::REGION),
        ("AWS_DEFAULT_REGION", gateway::REGION),
        ("AWS_ACCESS_KEY_ID", sigv4::ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", sigv4::SECRET_KEY),
        ("AWS_SESSION_TOKEN", sigv4::SESSION_TOKEN),
        ("AWS_LAMBDA_FUNCTION_NAME", "forwarder"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/forwarder"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "2026/01/01/[1]0"),
        ("BENCH_UPSTREAM", &fakes.upstream),
        ("AIGW_BEDROCK_ENDPOINT_OVERRIDE", &fakes.upstream),
        ("AIGW_TABLE_NAME", "gateway-table"),
        ("AIGW_GATEWAY_ID", "bench/AIGateway/ai-platform/prod"),
        ("AWS_ENDPOINT_URL_DYNAMODB", &format!("http://{}", fakes.table)),
    ]);
    for name in ["AIGW_CA_FILE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS", "AWS_CA_BUNDLE"] {
        command.env(name, &authority);
    }
}

/// The same environment for another program.
fn rebuilt(command: &Command, program: &Path) -> Command {
    let mut other = Command::new(program);
    other.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    other
}
