//! The binary: arguments in, exit code out. The only place that names the AWS adapters.

use std::process::exit;
use std::sync::Arc;

use aigw_aws::{AwsClouds, Call, Observer};
use aigw_cloud::Callers;
use aigw_operator::args::{Args, Command, PlanArgs, PluginCommand, RunArgs, Settings};
use aigw_operator::harness::error::chain;
use aigw_operator::health_command::{HealthError, health};
use aigw_operator::plan_command::{self, PlanSettings};
use aigw_operator::{Clock, Metrics, SystemClock, allocator, crdgen, plugin, run, telemetry, traces};
use clap::Parser;

/// Bad arguments, as `clap` and shells have it.
const USAGE: i32 = 2;
/// Name in the user agent of what people run.
const PLUGIN: &str = "kubectl-aigw";

/// Counts every AWS call.
struct Counted(Arc<Metrics>);

impl Observer for Counted {
    fn called(&self, call: &Call<'_>) {
        self.0.cloud_call(call.operation, call.outcome, call.duration, call.waited);
    }
}

fn main() {
    // Before the runtime, whose threads would each begin a pool of their own.
    allocator::stay_small();
    operator();
}

#[tokio::main]
async fn operator() {
    run::install_crypto_provider();
    let args = Args::parse();
    if let Some(Command::Crd { kind }) = &args.command {
        match crdgen::yaml(kind.as_deref()) {
            Ok(yaml) => return print!("{yaml}"),
            Err(error) => fail(&error, USAGE),
        }
    }
    if let Some(Command::Health { url, patience }) = &args.command {
        exit(ask_health(url, patience).await);
    }
    if let Some(Command::Plan(plan)) = args.command {
        exit(print_plan(plan, args.run).await);
    }
    if let Some(Command::Plugin(command)) = args.command {
        let (mut input, mut out) = (std::io::stdin(), std::io::stdout());
        let surroundings = surroundings(&command, args.run).await;
        match plugin::run(command, surroundings, &mut input, &mut out).await {
            Ok(code) => exit(code),
            Err(error) => fail(&error, 1),
        }
    }
    let traces = match traces::Settings::from_variables(|name| std::env::var(name).ok()) {
        Ok(traces) => traces,
        Err(error) => fail(&error, USAGE),
    };
    let started = telemetry::start(&args.run.log_level, args.run.log_format, traces);
    let settings = match started.and_then(|()| Settings::from_args(args.run)) {
        Ok(settings) => settings,
        Err(error) => fail(&error, USAGE),
    };
    let metrics = Arc::new(Metrics::default());
    let mut aws = aigw_aws::Settings { observer: Arc::new(Counted(metrics.clone())), ..Default::default() };
    if let Some(share) = settings.control_plane_share {
        aws.quota_share = share;
    }
    let clouds = Arc::new(AwsClouds::new(aws).await);
    if let Err(error) = run::run(settings, clouds, metrics).await {
        tracing::error!(error = chain(&error), "ending");
        exit(1);
    }
    tracing::info!("stopped");
    // Not by returning: what a dropped runtime waits for must not delay the end.
    exit(0);
}

/// Asks an operator's health; gives the exit code.
async fn ask_health(url: &str, patience: &str) -> i32 {
    let Some(patience) = aigw_operator::args::duration(patience) else {
        eprintln!("aigw-operator: --patience: '{patience}' is not a duration; use one such as 60s");
        return USAGE;
    };
    match health(url, patience).await {
        Ok(()) => 0,
        Err(error) => fail(&error, if matches!(error, HealthError::Url(_)) { USAGE } else { 1 }),
    }
}

/// What a command for people is given; AWS only where it is to be asked.
async fn surroundings(command: &PluginCommand, run: RunArgs) -> plugin::Surroundings {
    let callers: Option<Arc<dyn Callers>> = match command {
        PluginCommand::Doctor(arguments) if !arguments.offline => {
            let aws = aigw_aws::Settings { app_name: PLUGIN, ..Default::default() };
            Some(Arc::new(AwsClouds::new(aws).await))
        }
        _ => None,
    };
    plugin::Surroundings {
        namespace: run.namespace,
        installation: run.installation,
        boundary: run.permissions_boundary_arn,
        callers,
    }
}

/// Plans for manifests; gives the exit code.
async fn print_plan(plan: PlanArgs, run_args: RunArgs) -> i32 {
    let client = if plan.offline { None } else { kube::Client::try_default().await.ok() };
    // Without the zips the functions' code is taken to be what AWS has.
    let codes = run::load_codes(&run_args.functions_dir).unwrap_or_default();
    let settings = match PlanSettings::from_args(plan, run_args, &codes) {
        Ok(settings) => settings,
        Err(error) => fail(&error, USAGE),
    };
    let aws = aigw_aws::Settings { quota_share: settings.share, app_name: PLUGIN, ..Default::default() };
    let clouds = Arc::new(AwsClouds::new(aws).await);
    let now = SystemClock.now();
    let (mut input, mut out, mut problems) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    plan_command::run(&settings, clouds, client, now, &mut input, &mut out, &mut problems).await
}

fn fail(error: &(dyn std::error::Error + 'static), code: i32) -> ! {
    eprintln!("aigw-operator: {}", chain(error));
    exit(code)
}
