//! What tenants have spent, as a table. Pure.

use std::cmp::Reverse;
use std::fmt::Write as _;

use aigw_api::{BudgetWindow, Tenant};
use kube::ResourceExt as _;

const HEADINGS: [&str; 8] = ["NAMESPACE", "TENANT", "TIER", "WINDOW", "USED", "LIMIT", "USED%", "RESETS"];

/// One line per tenant and window; a tenant without a budget has one line.
pub(super) fn table(tenants: &[Tenant]) -> String {
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    for tenant in tenants {
        let status = tenant.status.clone().unwrap_or_default();
        let tier = status.effective.map(|effective| effective.tier).unwrap_or_default();
        let first = [tenant.namespace().unwrap_or_default(), tenant.name_any(), tier];
        let windows = status.usage.map(|usage| usage.windows).unwrap_or_default();
        if windows.is_empty() {
            rows.push(row(&first, ["none", "", "", "", ""].map(str::to_owned)));
        }
        for window in windows {
            let name = match window.window {
                BudgetWindow::Day => "day",
                BudgetWindow::Month => "month",
            };
            let percent = window.percent.to_string();
            rows.push(row(&first, [name.to_owned(), window.used, window.limit, percent, window.resets_at]));
        }
    }
    aligned(&rows)
}

/// Who has used most of any budget comes first.
pub(super) fn sort_by_use(tenants: &mut [Tenant]) {
    tenants.sort_by_key(|tenant| {
        let usage = tenant.status.as_ref().and_then(|status| status.usage.as_ref());
        (Reverse(usage.map(|usage| usage.percent)), tenant.namespace(), tenant.name_any())
    });
}

fn row(first: &[String; 3], rest: [String; 5]) -> [String; 8] {
    let [namespace, name, tier] = first.clone();
    let [window, used, limit, percent, resets] = rest;
    [namespace, name, tier, window, used, limit, percent, resets]
}

/// Columns as wide as their widest value, as kubectl prints them.
fn aligned(rows: &[[String; 8]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (value, width) in row.iter().zip(&widths) {
            let _ = write!(line, "{value:<width$}   ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tenant(name: &str, percent: Option<i32>) -> Tenant {
        let window = json!({"window": "Month", "limit": "3000", "used": "1893.02", "percent": percent, "resetsAt": "2026-12-01T00:00:00Z"});
        let usage = percent
            .map(|percent| json!({"observedAt": "2026-11-25T00:00:00Z", "percent": percent, "windows": [window]}));
        serde_json::from_value(json!({
            "apiVersion": "aigateway.dev/v1alpha1", "kind": "Tenant", "metadata": {"name": name, "namespace": "team"},
            "spec": {"gatewayRef": {"name": "prod"}}, "status": {"usage": usage},
        }))
        .unwrap()
    }

    #[test]
    fn who_has_used_most_comes_first_and_who_has_no_budget_last() {
        let mut tenants = [tenant("without", None), tenant("little", Some(3)), tenant("much", Some(99))];
        sort_by_use(&mut tenants);
        let text = table(&tenants);
        let lines: Vec<Vec<_>> = text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0][0], "NAMESPACE");
        assert_eq!(lines[1], ["team", "much", "month", "1893.02", "3000", "99", "2026-12-01T00:00:00Z"]);
        assert_eq!((lines[2][1], lines[3][1], lines[3][2]), ("little", "without", "none"));
    }
}
