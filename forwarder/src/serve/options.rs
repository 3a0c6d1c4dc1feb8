//! The command line: `forwarder` alone is the Lambda function, `forwarder serve …` the server, `forwarder function …` the
//! Lambda function without a table.
//!
//! By hand, because a parser of the usual size would be a tenth of the function's binary.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

const USAGE: &str = "usage: forwarder serve --listen ADDRESS:PORT [--policy-file FILE]
       forwarder function --policy-file FILE

serve answers HTTP requests; function is the AWS Lambda function with the tenants of a file, which shows what it costs
without DynamoDB.

  --listen ADDRESS:PORT  where to serve HTTP/1.1, for example 127.0.0.1:8080
  --policy-file FILE     gateway configuration and tenants as JSON; without it they are read from the DynamoDB
                         table named by AIGW_TABLE_NAME

Region and credentials come from AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.
Without arguments the program is an AWS Lambda function.";

/// What the program is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// The server.
    Serve(Options),
    /// The Lambda function with this policy file in place of the table.
    Function(PathBuf),
}

/// What `serve` is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Address to listen on.
    pub listen: SocketAddr,
    /// File to take the gateway's configuration and tenants from instead of the table.
    pub policy_file: Option<PathBuf>,
}

/// The command line cannot be used. The message says how it can.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}\n\n{USAGE}")]
pub struct UsageError(String);

impl Command {
    /// Reads the arguments behind the program's name. None at all are none: the program is a Lambda function then.
    ///
    /// # Errors
    /// [`UsageError`] naming the argument that is wrong or missing.
    pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<Self>, UsageError> {
        let mut arguments = arguments.into_iter();
        let Some(command) = arguments.next() else { return Ok(None) };
        let serves = match command.to_str() {
            Some("serve") => true,
            Some("function") => false,
            _ => return Err(UsageError(format!("unknown command {}", command.display()))),
        };
        let (mut listen, mut policy_file) = (None, None);
        while let Some(argument) = arguments.next() {
            let name = argument.to_string_lossy().into_owned();
            let value = arguments.next().ok_or_else(|| UsageError(format!("{name} needs a value")));
            let given = match name.as_str() {
                "--listen" if serves => listen.replace(address(&value?)?).is_some(),
                "--policy-file" => policy_file.replace(PathBuf::from(value?)).is_some(),
                _ => return Err(UsageError(format!("unknown argument {name}"))),
            };
            if given {
                return Err(UsageError(format!("{name} is given twice")));
            }
        }
        let missing = |name: &str| UsageError(format!("{name} is missing"));
        Ok(Some(if serves {
            Self::Serve(Options { listen: listen.ok_or_else(|| missing("--listen"))?, policy_file })
        } else {
            Self::Function(policy_file.ok_or_else(|| missing("--policy-file"))?)
        }))
    }
}

fn address(value: &OsString) -> Result<SocketAddr, UsageError> {
    let wrong = || UsageError(format!("--listen {} is not of the form ADDRESS:PORT", value.display()));
    value.to_str().and_then(|value| value.parse().ok()).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Option<Command>, UsageError> {
        Command::parse(arguments.iter().map(OsString::from))
    }

    #[test]
    fn no_arguments_mean_lambda() {
        assert_eq!(parse(&[]), Ok(None));
    }

    #[test]
    fn options_come_in_any_order() {
        let listen = "127.0.0.1:80".parse().unwrap();
        let policy_file = PathBuf::from("p.json");
        let serve = |policy_file| Ok(Some(Command::Serve(Options { listen, policy_file })));
        assert_eq!(parse(&["serve", "--listen", "127.0.0.1:80"]), serve(None));
        let both = parse(&["serve", "--policy-file", "p.json", "--listen", "127.0.0.1:80"]);
        assert_eq!(both, serve(Some(policy_file.clone())));
        assert_eq!(parse(&["function", "--policy-file", "p.json"]), Ok(Some(Command::Function(policy_file))));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (arguments, expected) in [
            (&["help"][..], "unknown command help"),
            (&["serve"], "--listen is missing"),
            (&["serve", "--listen"], "--listen needs a value"),
            (&["serve", "--listen", "8080"], "--listen 8080 is not of the form"),
            (&["serve", "--port", "1"], "unknown argument --port"),
            (&["function"], "--policy-file is missing"),
            (&["function", "--listen", "[::1]:1"], "unknown argument --listen"),
            (&["serve", "--listen", "[::1]:1", "--listen", "[::1]:1"], "--listen is given twice"),
        ] {
            let message = parse(arguments).unwrap_err().to_string();
            assert!(message.starts_with(expected) && message.contains("usage: forwarder serve"), "{message}");
        }
    }
}
