//! Tests of arguments and settings.

use super::*;

const BASE: [&str; 7] = ["aigw-operator", "--installation", "prod-eu", "--namespace", "aigw", "--pod-name", "aigw-0"];

fn settings(more: &[&str]) -> Result<Settings, String> {
    let arguments = BASE.iter().chain(more);
    let args = Args::try_parse_from(arguments).map_err(|error| error.to_string())?;
    Settings::from_args(args.run).map_err(|error| error.to_string())
}

#[test]
fn defaults() {
    let settings = settings(&[]).unwrap();
    assert_eq!(settings.drift_interval, Duration::from_mins(10));
    assert_eq!(settings.http_address.to_string(), "0.0.0.0:8080");
    assert_eq!(settings.lease, Some(LeaseSettings { name: "aigw-operator".into(), holder: "aigw-0".into() }));
    assert_eq!((settings.sweep, settings.sweep_interval), (SweepMode::Report, Duration::from_hours(1)));
    assert_eq!((settings.max_concurrent_gateways, settings.max_concurrent_tenants), (2, 4));
    assert!(settings.watch_namespaces.is_empty() && settings.endpoint_url_template.is_none());
    assert_eq!(Settings::for_installation("x").lease, None);
}

#[test]
fn every_bad_value_names_its_flag_and_a_fix() {
    for (flag, value, fix) in [
        ("--installation", "Prod_EU", "a-z, 0-9"),
        ("--installation", &*"a".repeat(41), "1 to 40"),
        ("--watch-namespaces", "a,B", "separated by commas"),
        ("--drift-interval", "ten", "10m"),
        ("--drift-interval", "1s", "10s to 24h"),
        ("--http-address", "8080", "0.0.0.0:8080"),
        ("--namespace", "Aigw", "downward API"),
        ("--lease-name", "a b", "lower-case"),
        ("--endpoint-url-template", "127.0.0.1/{restApiId}", "https://127.0.0.1:8443"),
        ("--endpoint-url-template", "https://h/{restApiId}/{stag}", "{restApiId}, {stage}"),
        ("--endpoint-url-template", "https://h/", "{restApiId}, {stage}"),
        ("--permissions-boundary-arn", "boundary", "arn:aws:iam::"),
        ("--control-plane-share", "0", "such as 0.5"),
        ("--control-plane-share", "half", "such as 0.5"),
        ("--sweep-interval", "soon", "such as 1h"),
        ("--sweep-interval", "1s", "1m to 24h"),
        ("--sweep-interval", "25h", "1m to 24h"),
        ("--max-concurrent-gateways", "0", "1 to 64"),
        ("--max-concurrent-tenants", "65", "1 to 64"),
    ] {
        let mut arguments: Vec<&str> = BASE.to_vec();
        match arguments.iter().position(|argument| *argument == flag) {
            Some(position) => arguments[position + 1] = value,
            None => arguments.extend([flag, value]),
        }
        let args = Args::try_parse_from(arguments).unwrap();
        let error = Settings::from_args(args.run).unwrap_err().to_string();
        assert!(error.starts_with(flag) && error.contains(fix), "{flag} {value}: {error}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let of = |arguments: &[&str]| {
        let args = Args::try_parse_from(["aigw-operator"].iter().chain(arguments)).unwrap();
        Settings::from_args(RunArgs {
            namespace: None,
            pod_name: None,
            installation: args.run.installation.clone(),
            ..args.run
        })
        .unwrap_err()
        .flag
    };
    assert!(of(&["--leader-elect=false"]).starts_with("--installation"));
    assert!(of(&["--installation", "a"]).starts_with("--namespace"));
    assert!(of(&["--installation", "a", "--leader-elect", "false"]).starts_with("--namespace"));
}

#[test]
fn namespaces_are_a_set() {
    assert_eq!(settings(&["--watch-namespaces", "b, a,b,"]).unwrap().watch_namespaces, ["a", "b"]);
    assert!(settings(&["--watch-namespaces", ""]).unwrap().watch_namespaces.is_empty());
}

#[test]
fn the_lease_can_be_switched_off_in_every_spelling() {
    for spelling in [&["--leader-elect=false"][..], &["--leader-elect", "false"]] {
        assert_eq!(settings(spelling).unwrap().lease, None);
    }
    assert!(settings(&["--leader-elect"]).unwrap().lease.is_some());
}

#[test]
fn sweeping_is_one_of_three_words() {
    for (word, mode) in [("off", SweepMode::Off), ("report", SweepMode::Report), ("delete", SweepMode::Delete)] {
        assert_eq!(settings(&["--sweep", word]).unwrap().sweep, mode);
    }
    let refused = settings(&["--sweep", "yes"]).unwrap_err();
    assert!(refused.contains("off, report, delete"), "{refused}");
}

#[test]
fn a_template_renders_each_gateway() {
    let settings = settings(&["--endpoint-url-template", "https://127.0.0.1:8443/{restApiId}/{stage}/"]).unwrap();
    let template = settings.endpoint_url_template.unwrap();
    assert_eq!(template.render("abc", "eu-central-1", "v1"), "https://127.0.0.1:8443/abc/v1");
}

#[test]
fn durations_as_go_writes_them() {
    for (text, expected) in [
        ("10m", Some(Duration::from_mins(10))),
        ("1h30m", Some(Duration::from_mins(90))),
        ("1m500ms", Some(Duration::from_millis(60_500))),
        ("0s", Some(Duration::ZERO)),
        ("", None),
        ("10", None),
        ("m", None),
        ("-1s", None),
        ("1d", None),
        ("1.5h", None),
        ("99999999999999999999s", None),
        ("18446744073709551615h", None),
    ] {
        assert_eq!(duration(text), expected, "{text}");
    }
}

#[test]
fn commands() {
    let command = |arguments: &[&str]| Args::try_parse_from(["aigw-operator"].iter().chain(arguments)).unwrap().command;
    assert!(command(&[]).is_none());
    assert!(matches!(command(&["run", "--installation", "a"]), Some(Command::Run)));
    assert!(
        matches!(command(&["crd", "--kind", "Tenant"]), Some(Command::Crd { kind: Some(kind) }) if kind == "Tenant")
    );
}

#[test]
fn the_help_of_plan_says_its_exit_codes_and_its_settings_are_checked() {
    let help = Args::try_parse_from(["aigw-operator", "plan", "--help"]).unwrap_err().to_string();
    assert!(help.contains("Exit codes: 0 in sync") && help.contains("--detailed-exitcode"), "{help}");
    assert!(Args::try_parse_from(["aigw-operator", "plan"]).is_err(), "without a manifest");
    let args = Args::try_parse_from(["aigw-operator", "plan", "-f", "-", "--installation", "X"]).unwrap();
    let Some(Command::Plan(plan)) = args.command else { panic!("another command") };
    let settings = crate::plan_command::PlanSettings::from_args(plan, args.run, &aigw_cloud::FunctionCodes::default());
    assert!(settings.unwrap_err().to_string().starts_with("--installation"));
}
