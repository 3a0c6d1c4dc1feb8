use aigw_contract::limits::{Budget, BudgetWindow as Window, UtcOffset};
use aigw_contract::meter::WindowReading;

use super::*;

/// 2026-11-25T10:00:00Z.
const NOW: i64 = 1_795_600_800;

fn policy(day: Option<i64>, month: Option<i64>) -> TenantPolicy {
    let budget = |window, usd: i64| Budget { window, micro_usd: usd * 1_000_000 };
    let budgets = day.map(|usd| budget(Window::Day, usd)).into_iter();
    TenantPolicy {
        budgets: budgets.chain(month.map(|usd| budget(Window::Month, usd))).collect(),
        ..TenantPolicy::default()
    }
}

fn month(usd: i64) -> MeterReading {
    let month = WindowReading { id: calendar::month(NOW, &[]), micro_usd: usd * 1_000_000, ..WindowReading::default() };
    MeterReading { month, ..MeterReading::default() }
}

fn asked(warn_percent: &[i32]) -> Vec<TenantBudget> {
    vec![TenantBudget { window: BudgetWindow::Month, usd: None, warn_percent: warn_percent.to_vec() }]
}

/// The status after looks at these times, in seconds from now, and amounts; and what each warned of.
fn looks(limit: i64, warn: &[i32], looks: &[(i64, i64)]) -> (TenantUsage, Vec<Vec<&'static str>>) {
    let (mut shown, mut told) = (None, Vec::new());
    for (after, usd) in looks {
        let policy = policy(None, Some(limit));
        let (next, warnings) = usage(shown.as_ref(), &policy, &asked(warn), &month(*usd), NOW + after);
        shown = next;
        told.push(warnings.iter().map(|warning| warning.reason).collect());
    }
    (shown.unwrap(), told)
}

#[test]
fn a_window_is_told_with_its_end() {
    let (shown, warnings) = usage(None, &policy(Some(10), Some(200)), &[], &month(45), NOW);
    let shown = shown.unwrap();
    assert!(warnings.is_empty());
    assert_eq!((shown.percent, shown.observed_at.as_str(), shown.leaked_usd), (22, "2026-11-25T10:00:00Z", None));
    let [day, month] = &shown.windows[..] else { panic!() };
    assert_eq!((day.used.as_str(), day.percent, day.resets_at.as_str()), ("0", 0, "2026-11-26T00:00:00Z"));
    assert_eq!((month.used.as_str(), month.limit.as_str(), month.percent), ("45", "200", 22));
    assert_eq!(month.resets_at, "2026-12-01T00:00:00Z");
}

#[test]
fn windows_are_the_tenants() {
    let offsets = vec![UtcOffset { from: 0, seconds: -8 * 3600 }];
    let (shown, _) = usage(None, &TenantPolicy { utc_offsets: offsets, ..policy(Some(1), None) }, &[], &month(0), NOW);
    assert_eq!(shown.unwrap().windows[0].resets_at, "2026-11-26T08:00:00Z");
}

#[test]
fn a_window_that_is_over_says_nothing_of_the_present_one() {
    let december = NOW + 10 * 86_400;
    let (shown, warnings) = usage(None, &policy(None, Some(100)), &[], &month(99), december);
    let shown = shown.unwrap();
    assert_eq!((shown.percent, shown.windows[0].used.as_str(), warnings.len()), (0, "0", 0));
    // A meter ahead of our clock counts.
    let (shown, _) = usage(None, &policy(None, Some(100)), &[], &month(50), NOW - 30 * 86_400);
    assert_eq!(shown.unwrap().windows[0].resets_at, "2026-12-01T00:00:00Z");
}

#[test]
fn without_a_budget_nothing_is_told() {
    assert_eq!(usage(None, &policy(None, None), &asked(&[]), &month(5), NOW), (None, vec![]));
}

#[test]
fn each_threshold_is_warned_of_once_a_window() {
    let warned = vec![reason::BUDGET_WARNING];
    let (shown, told) = looks(
        100,
        &[50, 80],
        &[(0, 49), (1, 50), (2, 51), (400, 79), (401, 81), (402, 79), (403, 80), (404, 99), (405, 100)],
    );
    let nothing = Vec::new;
    assert_eq!(
        told,
        [
            nothing(),
            warned.clone(),
            nothing(),
            nothing(),
            warned,
            nothing(),
            nothing(),
            vec![reason::BUDGET_EXHAUSTED],
            nothing()
        ]
    );
    assert_eq!(shown.windows[0].warned_percent, Some(100));
    let (_, told) = looks(100, &[], &[(0, 79), (1, 80)]);
    assert_eq!(told[1].len(), 1, "80 % by default");
}

#[test]
fn another_limit_and_another_window_are_warned_of_anew() {
    let (shown, _) = looks(100, &[50], &[(0, 60)]);
    let raised = usage(Some(&shown), &policy(None, Some(200)), &asked(&[50]), &month(60), NOW + 1);
    assert_eq!((raised.0.as_ref().unwrap().windows[0].warned_percent, raised.1.len()), (None, 0));
    let again = usage(raised.0.as_ref(), &policy(None, Some(200)), &asked(&[50]), &month(100), NOW + 2);
    assert_eq!(again.1.len(), 1);
}

#[test]
fn small_changes_wait() {
    let (first, _) = looks(100_000, &[50], &[(0, 10_000)]);
    let at = |after: i64, usd: i64| looks(100_000, &[50], &[(0, 10_000), (after, usd)]).0;
    assert_eq!(at(299, 12_000), first, "a percent, within five minutes");
    assert_eq!(at(300, 12_000).windows[0].used, "12000");
    assert_eq!(at(3_599, 10_001), first, "less than a percent, within the hour");
    assert_eq!(at(3_600, 10_001).windows[0].used, "10001");
    assert_eq!(at(86_400, 10_000), first, "nothing changed");
    assert_eq!(at(1, 50_000).percent, 50, "a threshold");
    assert_eq!(at(1, 100_000).percent, 100, "the end");
}

#[test]
fn leaks_are_told_as_money() {
    let reading = MeterReading { leaked_micro_usd: 1_500_000, ..month(5) };
    let (shown, _) = usage(None, &policy(None, Some(100)), &[], &reading, NOW);
    assert_eq!(shown.unwrap().leaked_usd.as_deref(), Some("1.5"));
}

#[test]
fn the_condition_says_the_same_between_thresholds() {
    let at = |usd| condition(&looks(100, &[50, 80], &[(0, usd)]).0, Enforcement::Enforce);
    assert_eq!((at(10).status, at(10).reason), (Some(true), reason::WITHIN_BUDGET));
    assert_eq!((at(50).status, at(50).reason), (Some(true), reason::BUDGET_WARNING));
    assert_eq!(at(50), at(79));
    assert_ne!(at(79).message, at(80).message);
    assert_eq!((at(99).status, at(99).reason), (Some(false), reason::BUDGET_EXHAUSTED));
    assert_eq!(at(99), at(120));
    let shadow = condition(&looks(100, &[], &[(0, 100)]).0, Enforcement::Shadow);
    assert!(shadow.message.contains("calls pass"), "{}", shadow.message);
    assert_eq!(
        at(99).message,
        "the budget of USD 100 for this month is used up until 2026-12-01T00:00:00Z: calls are refused where they could cost more than what is left"
    );
}
