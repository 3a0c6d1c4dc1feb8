//! Where the alias of a function should lead now.

use std::time::Duration;

use super::facts::ReleaseFacts;
use super::note::{Cause, Note, Rejected};
use super::policy::{Canary, Releases, Verdict};
use super::{IDLE_LOOK, LOOK};
use crate::gateway::observed::{Calls, CanaryCalls, ObservedCanary, ObservedFunction, ObservedVersion};
use crate::gateway::step::AliasTarget;
use crate::identity::Function;

/// Everything that decides.
pub(super) struct Case<'a> {
    pub policy: &'a Releases,
    pub facts: &'a ReleaseFacts,
    pub function: Function,
    pub actual: &'a ObservedFunction,
    /// The version that should serve in the end.
    pub wanted: &'a ObservedVersion,
    /// Calls of the version that takes a share, in the step under way; `None` where nobody looked.
    pub calls: Option<&'a CanaryCalls>,
    /// Seconds since the Unix epoch.
    pub now: i64,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    /// The alias leads where it should in the end.
    Done,
    /// Let it lead there.
    Lead(AliasTarget),
    /// It leads where it should for now.
    Hold(Hold),
}

/// Why the version that should serve in the end does not yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Hold {
    /// It takes a share of the calls, and the step is not over.
    Step { percent: u8, next: u8, again: Duration },
    /// How it does cannot be read.
    Unreadable { percent: u8, message: String },
    /// It is not this gateway's turn.
    Turn { again: Duration },
    /// Its code was sent back at another gateway.
    HeldBack { gateway: String },
    /// It was sent back.
    Rejected(Rejected),
}

impl Hold {
    /// When to look again, where the usual look would be too late.
    pub(super) fn again(&self) -> Option<Duration> {
        match self {
            Self::Step { again, .. } | Self::Turn { again } => Some(*again),
            Self::Unreadable { .. } => Some(LOOK),
            Self::HeldBack { .. } | Self::Rejected(_) => None,
        }
    }
}

/// Decides.
pub(super) fn decide(case: &Case<'_>) -> Decision {
    let Case { policy, facts, function, actual, wanted, .. } = case;
    let note = Note::read(&actual.release_note);
    let Some(live) = &actual.live_version else { return all_to(wanted, &Note::default()) };
    if *live == wanted.version {
        // A share of another version is left from a roll-out that nobody wants any more.
        let kept = Note { since: None, ..note };
        return if actual.canary.is_some() { all_to(wanted, &kept) } else { Decision::Done };
    }
    let Releases::Canary(policy) = policy else { return all_to(wanted, &Note::default()) };
    let named = (*function, wanted.version.clone());
    if facts.abort.contains(&named) {
        let verdict = Verdict { cause: Cause::Person, bad: 0, bound: 0 };
        return reject(case, live, &verdict, Calls::default());
    }
    let serving = actual.versions.iter().find(|version| version.version == *live);
    let Some(serving) = serving.filter(|_| !facts.promote.contains(&named)) else {
        return all_to(wanted, &Note::default());
    };
    if !can_share(serving, wanted) {
        return known_bad(case, serving, &note).map_or_else(|| all_to(wanted, &Note::default()), Decision::Hold);
    }
    if let Some(rejected) = note.rejected.as_ref().filter(|rejected| rejected.build == wanted.description) {
        return match &actual.canary {
            Some(_) => lead(live, None, &Note { since: None, ..note }),
            None => Decision::Hold(Hold::Rejected(rejected.clone())),
        };
    }
    match &actual.canary {
        Some(canary) if canary.version == wanted.version => go_on(case, policy, live, canary, note),
        Some(_) => match begin(case, policy, serving, note.clone()) {
            // Nobody wants the version that has a share, and the one that is wanted is not begun with.
            Decision::Hold(_) => lead(live, None, &Note { since: None, ..note }),
            begun => begun,
        },
        None => begin(case, policy, serving, note),
    }
}

/// Where the alias should lead at once because the version that has a share, wanted or not, fails or is unwanted. Needs
/// nothing but the alias, so that whatever else is wrong with a gateway cannot be in the way. `case` is that of the
/// version that has the share.
pub(super) fn send_back(case: &Case<'_>) -> Option<AliasTarget> {
    let Case { policy: Releases::Canary(policy), facts, function, actual, wanted, calls, .. } = case else {
        return None;
    };
    let live = actual.live_version.as_ref()?;
    let calls = match calls {
        Some(CanaryCalls::Counted(calls)) => *calls,
        Some(CanaryCalls::Unreadable(_)) | None => Calls::default(),
    };
    let named = (*function, wanted.version.clone());
    let verdict = if facts.abort.contains(&named) {
        Some(Verdict { cause: Cause::Person, bad: 0, bound: 0 })
    } else {
        policy.verdict(calls).filter(|_| !facts.promote.contains(&named))
    };
    match reject(case, live, &verdict?, calls) {
        Decision::Lead(target) => Some(target),
        Decision::Done | Decision::Hold(_) => None,
    }
}

/// Why new code is not to serve, where another gateway sent it back.
fn held_back(case: &Case<'_>, serving: &ObservedVersion) -> Option<Hold> {
    let Case { facts, wanted, .. } = case;
    // Code that serves here is sent back elsewhere for its memory or time-out.
    let gateway = facts.rejected_elsewhere.get(&wanted.code_sha256).filter(|_| is_new_code(serving, wanted))?;
    Some(Hold::HeldBack { gateway: gateway.clone() })
}

fn is_new_code(serving: &ObservedVersion, wanted: &ObservedVersion) -> bool {
    serving.code_sha256 != wanted.code_sha256
}

/// Why new code is not to serve at once, where it is known to fail.
fn known_bad(case: &Case<'_>, serving: &ObservedVersion, note: &Note) -> Option<Hold> {
    let Case { actual, wanted, .. } = case;
    if !is_new_code(serving, wanted) {
        return None;
    }
    let code = |number: &str| actual.versions.iter().find(|version| version.version == number);
    let same = |rejected: &&Rejected| code(&rejected.version).is_some_and(|bad| bad.code_sha256 == wanted.code_sha256);
    if let Some(rejected) = note.rejected.as_ref().filter(same) {
        return Some(Hold::Rejected(rejected.clone()));
    }
    held_back(case, serving)
}

/// An alias may lead to two versions of one role only (Lambda guide, "Lambda alias routing").
fn can_share(serving: &ObservedVersion, wanted: &ObservedVersion) -> bool {
    serving.role_arn == wanted.role_arn
}

fn begin(case: &Case<'_>, policy: &Canary, serving: &ObservedVersion, note: Note) -> Decision {
    let Case { facts, wanted, now, .. } = case;
    if let Some(hold) = held_back(case, serving) {
        return Decision::Hold(hold);
    }
    // Who changes the spec of one gateway is not made to wait for others: only an upgrade brings code to all at once.
    let turns = if is_new_code(serving, wanted) { facts.ahead } else { 0 };
    let due = wanted.published.saturating_add(turns.saturating_mul(policy.interval));
    if *now < due && turns > 0 {
        return Decision::Hold(Hold::Turn { again: seconds(due - now) });
    }
    shift(case, &serving.version, policy.after(0), note)
}

fn go_on(case: &Case<'_>, policy: &Canary, live: &str, canary: &ObservedCanary, note: Note) -> Decision {
    let percent = canary.percent;
    let next = policy.after(percent);
    // Somebody changed it by hand: the step begins now.
    let Some(since) = note.since else { return shift(case, live, percent, note) };
    let hold = |again| Decision::Hold(Hold::Step { percent, next, again });
    let calls = match case.calls {
        None => return hold(LOOK),
        Some(CanaryCalls::Unreadable(message)) => {
            return Decision::Hold(Hold::Unreadable { percent, message: message.clone() });
        }
        Some(CanaryCalls::Counted(calls)) => *calls,
    };
    // Too many bad ones are dealt with before anything is decided here ([`send_back`]).
    let left = policy.pause().saturating_sub(seconds(case.now - since));
    if !left.is_zero() {
        return hold(left.min(LOOK));
    }
    if calls.calls < policy.min_calls {
        return hold(IDLE_LOOK);
    }
    shift(case, live, next, note)
}

/// The share of the wanted version becomes `percent`.
fn shift(case: &Case<'_>, live: &str, percent: u8, note: Note) -> Decision {
    if percent >= 100 {
        return all_to(case.wanted, &Note::default());
    }
    let canary = ObservedCanary { version: case.wanted.version.clone(), percent };
    lead(live, Some(canary), &Note { since: Some(case.now), ..note })
}

/// Sends the wanted version back, and remembers that.
fn reject(case: &Case<'_>, live: &str, verdict: &Verdict, calls: Calls) -> Decision {
    let Case { actual, wanted, now, .. } = case;
    let known = Note::read(&actual.release_note).rejected.filter(|rejected| rejected.build == wanted.description);
    if let (Some(known), None) = (&known, &actual.canary) {
        return Decision::Hold(Hold::Rejected(known.clone()));
    }
    let rejected = Rejected {
        build: wanted.description.clone(),
        version: wanted.version.clone(),
        percent: actual.canary.as_ref().map_or(0, |canary| canary.percent),
        cause: verdict.cause,
        bad: verdict.bad,
        calls: calls.calls,
        bound: verdict.bound,
        at: *now,
    };
    lead(live, None, &Note { since: None, rejected: Some(rejected) })
}

fn all_to(version: &ObservedVersion, note: &Note) -> Decision {
    lead(&version.version, None, note)
}

fn lead(version: &str, canary: Option<ObservedCanary>, note: &Note) -> Decision {
    Decision::Lead(AliasTarget { version: version.to_owned(), canary, note: note.text() })
}

fn seconds(number: i64) -> Duration {
    Duration::from_secs(u64::try_from(number).unwrap_or_default())
}
