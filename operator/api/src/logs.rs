//! `logs` of an `AIGateway`: what is written down of calls, and for how long it is kept.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// What is written to CloudWatch Logs. Prompts and answers never are, nor a credential.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Logs {
    /// Have API Gateway write a line for every request, also for those that never reach a function: who it came from, its
    /// status, and what refused it. `status.effective.accessLogGroup` names the log group. The account needs a role with
    /// which API Gateway may write logs; the operator looks for it and never sets it, and the condition `AccessLogsReady`
    /// says when it is missing. Default: false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access: Option<bool>,

    /// Days after which lines are deleted, of both functions and of the access log; one of the values that CloudWatch Logs
    /// takes. Default: 30.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("self in [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]").message("retentionDays must be a retention of CloudWatch Logs: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653"))]
    pub retention_days: Option<i32>,
}
