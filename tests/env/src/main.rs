//! `aigw-env`: brings the local environment up and down. All work is in the library.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use aigw_env::kubelet::Image;
use aigw_env::tools::Tools;
use aigw_env::{Options, Result, daemon, report, run};
use clap::{Args, Parser, Subcommand};

/// What is logged. kube logs every answer of an API server that is still starting as an error.
const DEFAULT_LOG: &str = "warn,kube_client::client::builder=off";

/// A local environment without containers: a real Kubernetes API, an AWS emulator, a Bedrock stub and a TLS front, as
/// processes on loopback.
#[derive(Debug, Parser)]
#[command(name = "aigw-env", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Bring the environment up and leave it running in the background.
    Up(Persistent),
    /// Take it down again.
    Down {
        #[command(flatten)]
        place: Place,
    },
    /// The background process behind `up`.
    #[command(hide = true)]
    Serve(Persistent),
    /// Find or compile kube-apiserver, etcd, kubectl and helm, and print where they are.
    Tools,
    /// Run a command in an environment of its own, which ends with it.
    Run {
        #[command(flatten)]
        parts: Parts,
        /// The command and its arguments.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<OsString>,
    },
}

#[derive(Debug, Args)]
struct Persistent {
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    parts: Parts,
}

#[derive(Debug, Args)]
struct Place {
    /// The folder of the environment: its state, logs and `env`, a file to source.
    #[arg(long, env = "AIGW_DIR", default_value_os_t = default_dir())]
    dir: PathBuf,
}

#[derive(Debug, Args)]
struct Parts {
    /// Leave out Kubernetes.
    #[arg(long)]
    no_kube: bool,
    /// Leave out the AWS emulator, the Bedrock stub and the TLS front.
    #[arg(long, conflicts_with = "no_kube")]
    no_aws: bool,
    /// The TLS front offers HTTP/1.1 only, as private APIs do.
    #[arg(long)]
    http1_only: bool,
    /// The AWS region.
    #[arg(long, default_value = "eu-central-1")]
    region: String,
    /// The AWS account.
    #[arg(long, default_value = "111122223333", value_parser = account)]
    account: String,
    /// Run the operator's pods, wherever its chart is installed, with this binary.
    #[arg(long, env = "AIGW_OPERATOR_BINARY")]
    operator_binary: Option<PathBuf>,
    /// The functions the operator deploys, as its image holds them.
    #[arg(long, env = "AIGW_FUNCTIONS_DIR", requires = "operator_binary")]
    functions_dir: Option<PathBuf>,
}

impl Parts {
    fn options(&self) -> Options {
        Options {
            kube: !self.no_kube,
            aws: !self.no_aws,
            front_http1_only: self.http1_only,
            region: self.region.clone(),
            account: self.account.clone(),
            ..Options::default()
        }
    }

    fn operator(&self) -> Option<Image> {
        let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        let functions = self.functions_dir.iter().map(|dir| {
            let dir = absolute(dir).display().to_string();
            ("AIGW_FUNCTIONS_DIR".to_owned(), dir)
        });
        self.operator_binary
            .as_ref()
            .map(|binary| Image { binary: absolute(binary), env: functions.collect::<BTreeMap<_, _>>() })
    }
}

impl Persistent {
    fn settings(&self) -> daemon::Settings {
        daemon::Settings { options: self.parts.options(), dir: self.place.dir.clone(), operator: self.parts.operator() }
    }
}

/// `.aigw` at the root of the checkout.
fn default_dir() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new("."));
    root.join(".aigw")
}

fn account(text: &str) -> Result<String, String> {
    if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(text.to_owned());
    }
    Err("an AWS account id has 12 digits".to_owned())
}

async fn execute(cli: Cli) -> Result<u8> {
    match cli.command {
        Command::Up(persistent) => {
            // The same arguments, behind the other subcommand.
            let arguments: Vec<OsString> = std::env::args_os().skip(2).collect();
            daemon::up(&persistent.settings(), &arguments).await?;
        }
        Command::Down { place } => daemon::down(&place.dir).await?,
        Command::Serve(persistent) => daemon::serve(persistent.settings()).await?,
        Command::Tools => {
            let tools = Tools::ensure().await?;
            report::line(&tools.origin);
            for (name, path) in tools.list() {
                println!("{name:<16} {}", path.display());
            }
        }
        Command::Run { parts, command } => return run::run(parts.options(), parts.operator(), &command).await,
    }
    Ok(0)
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_env("AIGW_LOG").unwrap_or_else(|_| DEFAULT_LOG.into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            report::line(&format!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(execute(cli)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            report::line(&error.to_string());
            ExitCode::FAILURE
        }
    }
}
