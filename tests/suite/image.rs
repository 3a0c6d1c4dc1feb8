//! The operator's image, assembled without a container engine: the same at every build, what the chart expects, and a
//! program that runs out of it. The program is this workspace's debug build, so that nothing is compiled for this; that
//! the real one is static is checked where it goes in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aigw_operator::crdgen;
use aigw_tests::harness::{Suite, test};
use aigw_tests::program::{Ended, run};
use aigw_tests::{Outcome, ensure, ensure_eq, function_zip, repository};
use serde_json::Value;

const FOLDER: &str = "operator/image";
/// Mozilla's authorities are fetched for a release; a test wants any text.
const AUTHORITIES: &str = "-----BEGIN CERTIFICATE-----\n";

pub fn suite() -> Suite {
    let tests = vec![
        test(module_path!(), "an_image_is_the_same_twice_and_its_operator_runs", same_and_runs),
        test(module_path!(), "a_program_that_does_not_fit_is_refused", unfit_program),
        test(module_path!(), "the_bill_of_materials_is_whole_and_the_same_twice", bill_of_materials),
        test(module_path!(), "the_dockerfile_makes_what_the_chart_expects", dockerfile),
    ];
    Suite::new("image", tests).needs(function_zip::prepare)
}

fn python(script: &str, arguments: &[&str]) -> Outcome<Ended> {
    let script = repository::path(FOLDER).join(script).display().to_string();
    let kept = ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME", "CARGO_TARGET_DIR"];
    let env: BTreeMap<_, _> =
        kept.iter().filter_map(|name| Some(((*name).to_owned(), std::env::var(name).ok()?))).collect();
    run(Path::new("python3"), &[&["-B", script.as_str()], arguments].concat(), &env)
}

/// A folder that goes with the test.
struct Work(PathBuf);

impl Work {
    fn new(name: &str) -> Outcome<Self> {
        let folder = repository::target().join("tmp").join(format!("{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What Go, and with it the world of containers, calls an architecture.
fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" }
}

fn assemble(work: &Work, program: &str, output: &str, more: &[&str]) -> Outcome<Ended> {
    let (certificates, bill, output) = (work.path("authorities.pem"), work.path("sbom.json"), work.path(output));
    std::fs::write(&certificates, AUTHORITIES)?;
    if !Path::new(&bill).exists() {
        python("sbom.py", &["--version", "1.2.3", "--output", &bill])?.ok()?;
    }
    let functions = repository::functions().display().to_string();
    let license = repository::path("LICENSE").display().to_string();
    let inputs = ["--program", program, "--functions", &functions, "--certificates", &certificates, "--sbom", &bill];
    let labels = ["--license", &license, "--version", "1.2.3", "--revision", "abc", "--epoch", "86400", "--level", "1"];
    python("assemble.py", &[&inputs[..], &labels, more, &["--output", &output]].concat())
}

fn same_and_runs() -> Outcome {
    let work = Work::new("image")?;
    let program = format!("{}={}", architecture(), repository::program("aigw-operator").display());
    let digest = assemble(&work, &program, "one", &["--dynamic"])?.ok()?.stdout;
    ensure!(digest.starts_with("sha256:"), "no digest: {digest}");
    ensure_eq!(assemble(&work, &program, "two", &["--dynamic"])?.ok()?.stdout, digest, "digest of the same again");

    let root = work.path("root");
    let config: Value = serde_json::from_str(&python("unpack.py", &[&work.path("one"), &root])?.ok()?.stdout)?;
    let values = repository::yaml("charts/aigw-operator/values.yaml")?;
    let user = &values[0]["podSecurityContext"];
    ensure_eq!(config["config"]["User"], format!("{}:{}", user["runAsUser"], user["runAsGroup"]), "user");
    ensure_eq!(config["config"]["Labels"]["org.opencontainers.image.version"], "1.2.3", "label");
    let entry = config["config"]["Entrypoint"][0].as_str().ok_or("no entry point")?.trim_start_matches('/');
    let operator = Path::new(&root).join(entry);
    ensure!(
        run(&operator, &["--version"], &BTreeMap::new())?.ok()?.stdout.starts_with("aigw-operator "),
        "its version"
    );
    ensure!(run(&operator, &["crd"], &BTreeMap::new())?.ok()?.stdout == crdgen::yaml(None)?, "other definitions");
    // The operator's default, which no chart sets.
    let functions = Path::new(&root).join("functions").join(repository::architecture());
    for name in ["forwarder.zip", "authorizer.zip"] {
        ensure!(functions.join(name).exists(), "no {name} below /functions");
    }
    // One byte of a layer is another, and it is not unpacked.
    damage(&Path::new(&work.path("two")).join("blobs/sha256"))?;
    let damaged = python("unpack.py", &[&work.path("two"), &work.path("nothing")])?;
    ensure!(!damaged.success && damaged.output.contains("is damaged"), "a damaged layer: {}", damaged.output);
    Ok(())
}

/// Changes a byte of the largest file.
fn damage(blobs: &Path) -> Outcome {
    let sizes = std::fs::read_dir(blobs)?
        .flatten()
        .map(|entry| (entry.metadata().map_or(0, |about| about.len()), entry.path()));
    let (_, layer) = sizes.max().ok_or("no blobs")?;
    let mut content = std::fs::read(&layer)?;
    let middle = content.len() / 2;
    content[middle] ^= 1;
    Ok(std::fs::write(layer, content)?)
}

fn unfit_program() -> Outcome {
    let work = Work::new("unfit-image")?;
    let other = if architecture() == "amd64" { "arm64" } else { "amd64" };
    let operator = repository::program("aigw-operator").display().to_string();
    for (program, more, complaint) in [
        (format!("{}={operator}", architecture()), &[][..], "is linked dynamically"),
        (format!("{other}={operator}"), &["--dynamic"], "is no 64-bit"),
        (format!("{}={}", architecture(), repository::path("LICENSE").display()), &["--dynamic"], "is no 64-bit"),
    ] {
        let ended = assemble(&work, &program, "image", more)?;
        ensure!(!ended.success && ended.output.contains(complaint), "{program}: {}", ended.output);
    }
    Ok(())
}

fn bill_of_materials() -> Outcome {
    let work = Work::new("bill")?;
    let read = |name: &str| -> Outcome<String> {
        python("sbom.py", &["--version", "1.2.3", "--output", &work.path(name)])?.ok()?;
        Ok(std::fs::read_to_string(work.path(name))?)
    };
    let bill = read("one.json")?;
    ensure!(bill == read("two.json")?, "another bill for the same sources");
    let parsed: Value = serde_json::from_str(&bill)?;
    let names: Vec<_> =
        parsed["components"].as_array().into_iter().flatten().filter_map(|each| each["name"].as_str()).collect();
    for there in ["aigw-operator", "aigw-forwarder", "aws-sdk-lambda", "kube-client", "ring"] {
        ensure!(names.contains(&there), "{there} is not in the bill of materials");
    }
    for absent in ["proptest", "libtest-mimic", "aigw-tests", "aigw-fakes"] {
        ensure!(!names.contains(&absent), "{absent} is for tests only");
    }
    // Without a licence, or without a hash, it is refused.
    for broken in [bill.replacen("\"expression\": \"MIT\"", "\"expression\": \"\"", 1), bill.replacen("SHA-256", "", 1)]
    {
        let check =
            "import json, sys; sys.path.insert(0, sys.argv[1]); import sbom; sbom.validate(json.loads(sys.argv[2]))";
        let folder = repository::path(FOLDER).display().to_string();
        let env = BTreeMap::from([("PATH".to_owned(), std::env::var("PATH").unwrap_or_default())]);
        let file = work.path("broken.json");
        std::fs::write(&file, &broken)?;
        let check = check.replace("json.loads(sys.argv[2])", "json.load(open(sys.argv[2]))");
        let ended = run(Path::new("python3"), &["-B", "-c", &check, &folder, &file], &env)?;
        ensure!(!ended.success && ended.output.contains("Invalid"), "a broken bill is accepted: {}", ended.output);
    }
    Ok(())
}

/// The Dockerfile cannot be run here; what it must agree about with the other way and with the chart can be read.
fn dockerfile() -> Outcome {
    let text = repository::read("operator/image/Dockerfile")?;
    let values = repository::yaml("charts/aigw-operator/values.yaml")?;
    let user = &values[0]["podSecurityContext"];
    let version =
        repository::yaml("charts/aigw-operator/Chart.yaml")?[0]["appVersion"].as_str().unwrap_or_default().to_owned();
    for line in [
        format!("USER {}:{}", user["runAsUser"], user["runAsGroup"]),
        "ENTRYPOINT [\"/usr/bin/aigw-operator\"]".into(),
        "ENV AIGW_FUNCTIONS_DIR=/functions".into(),
        "COPY --from=build /out/ /".into(),
        format!("ARG VERSION={version}"),
    ] {
        ensure!(text.lines().any(|found| found == line), "operator/image/Dockerfile lacks {line:?}");
    }
    let rust = repository::read("Cargo.toml")?
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = ").map(str::to_owned));
    let rust = rust.ok_or("no rust-version")?.replace('"', "");
    ensure!(text.contains(&format!("rust:{rust}")), "the Dockerfile builds with another Rust than {rust}");
    Ok(())
}
