//! Whether a call may go ahead: the tenant is not suspended, the credential is still accepted, what it asks for is allowed,
//! and no limit stands in the way.
//!
//! All that is decided by a policy in hand, and made sure of by the reservation, whose condition names the policy's
//! version: authorizer answers are cached by API Gateway for minutes, and a policy may change at any time. The store
//! failing means no, unless the gateway is to fail open: an answer we cannot get is not a yes.

mod rehearsal;
mod verdict;

use std::sync::Arc;

use aigw_contract::policy::TenantPolicy;
use aigw_contract::table::FailMode;
use http::HeaderMap;

use crate::amount::Amount;
use crate::clock::unix_seconds;
use crate::denial::{Denial, Refusal};
use crate::ledger::{self, Counts, Hold, Ledger, Limit, NotReserved, Refused, Reserved, Wish};
use crate::meter::Shape;
use crate::policies::Policies;
use crate::table::{Document, Table, TableError};

/// Times the policy is read for one call. More would mean that it changes faster than it can be read.
const MAX_READS: u32 = 3;

/// Who calls, as the authorizer found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Tenant id.
    pub tenant: String,
    /// Credential id within the tenant, or the hash of the identity a token proves.
    pub credential: String,
    /// Who used the credential.
    pub subject: Option<String>,
    /// When the token that was presented ends, in seconds since the Unix epoch.
    pub expires: Option<i64>,
}

/// The gate every call passes.
pub struct Admission {
    policies: Policies,
    ledger: Arc<Ledger>,
}

/// The call may go ahead.
#[derive(Debug)]
pub struct Admitted<T> {
    /// What was made of the request under the policy in force.
    pub asked: T,
    /// Its reservation; none where the table is out of reach and the gateway fails open.
    pub hold: Option<Hold>,
}

/// What the ledger has to say of a call, whether it went ahead or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// Upper bound that was reserved.
    pub reserved: Option<Amount>,
    /// What it was charged.
    pub charged: Option<Amount>,
    /// The limit that denied it, or would have.
    pub limited: Option<Limit>,
    /// Why it would have been denied before any limit was asked, where limits only watch.
    pub shadowed: Option<String>,
    /// It went ahead although it could not be counted.
    pub uncounted: bool,
    /// Why its reservation could not be settled.
    pub unsettled: Option<String>,
    /// Response headers that tell what is left.
    pub headers: HeaderMap,
}

/// What admission must know of a call beside the policy.
#[derive(Debug, Clone, Copy)]
pub struct Circumstances<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// Which API it is for.
    pub shape: Shape,
    /// What happens while the table is out of reach.
    pub fail_mode: FailMode,
}

/// How a tenant stands with its limits.
#[derive(Debug)]
pub struct Standing {
    /// The policy in force.
    pub policy: Arc<Document<TenantPolicy>>,
    /// The meter.
    pub counts: Counts,
}

/// A policy in hand.
struct InHand {
    policy: Arc<Document<TenantPolicy>>,
    /// Version of the meter's head it is surely not older than.
    version: i64,
    /// Whether it was read for this call.
    fresh: bool,
}

/// Why a call does not go ahead under the policy in hand.
enum No {
    /// The policy is older than this version of the meter's head, or may be.
    Outdated(Option<i64>),
    /// By the policy, so another one might decide otherwise.
    Policy(Refusal),
    /// By the meter, or because the table failed.
    Final(Refusal),
}

impl From<Refusal> for No {
    fn from(refusal: Refusal) -> Self {
        Self::Policy(refusal)
    }
}

impl Admission {
    /// Admission by the items of this table.
    pub fn new(table: Arc<Table>) -> Self {
        Self { policies: Policies::new(Arc::clone(&table)), ledger: Arc::new(Ledger::new(table)) }
    }

    /// Decides on one call. `ask` makes of the request, under a policy, what is to be sent and what it takes at most; what
    /// the ledger has to say goes to `account`.
    ///
    /// # Errors
    /// [`Refusal`] where the call must not go ahead.
    pub async fn admit<T>(
        &self,
        call: Circumstances<'_>,
        account: &mut Account,
        ask: impl AsyncFn(&TenantPolicy) -> Result<(Amount, T), Refusal>,
    ) -> Result<Admitted<T>, Refusal> {
        let tenant = &call.caller.tenant;
        let mut in_hand = self.in_hand(tenant).await?;
        let mut reads = 0;
        loop {
            let no = match self.decide(call, &in_hand, account, &ask).await {
                Ok(admitted) => return Ok(admitted),
                Err(no) => no,
            };
            let (head, refusal) = match no {
                No::Final(refusal) => return Err(refusal),
                No::Policy(refusal) if in_hand.fresh => return Err(refusal),
                No::Policy(refusal) => (None, Some(refusal)),
                No::Outdated(head) => (head, None),
            };
            if reads == MAX_READS {
                let message = "the tenant's policy is changing too fast to decide by it; try again";
                return Err(Denial::unavailable(message).into());
            }
            reads += 1;
            let read = self.read(tenant, head).await?;
            match refusal {
                Some(refusal) if read.policy.version == in_hand.policy.version => return Err(refusal),
                _ => in_hand = read,
            }
        }
    }

    /// How the caller's tenant stands. A suspended one may ask too: it should see why.
    ///
    /// # Errors
    /// [`Refusal`] where the credential is not accepted, or the table failed.
    pub async fn standing(&self, caller: &Caller) -> Result<Standing, Refusal> {
        let policy = self.read(&caller.tenant, None).await?.policy;
        if let Some(denial) = verdict::of_credential(&policy.content, caller, unix_seconds()) {
            return Err(denial.into());
        }
        let counts = self.ledger.look(&caller.tenant).await.map_err(|error| unreadable(&error))?;
        Ok(Standing { policy, counts })
    }

    /// The policy that is kept, else as it is read.
    async fn in_hand(&self, tenant: &str) -> Result<InHand, Refusal> {
        match self.policies.kept(tenant) {
            Some(policy) => Ok(InHand { version: policy.version, policy, fresh: false }),
            None => self.read(tenant, None).await,
        }
    }

    /// The policy as it is now, after the meter's head had this version.
    async fn read(&self, tenant: &str, head: Option<i64>) -> Result<InHand, Refusal> {
        let policy = self.policies.read(tenant).await.map_err(|error| unreadable(&error))?;
        let unknown = || Denial::forbidden("the tenant of this credential is not known to the gateway");
        let policy = policy.ok_or_else(unknown)?;
        Ok(InHand { version: policy.version.max(head.unwrap_or(0)), policy, fresh: true })
    }

    async fn decide<T>(
        &self,
        call: Circumstances<'_>,
        in_hand: &InHand,
        account: &mut Account,
        ask: &impl AsyncFn(&TenantPolicy) -> Result<(Amount, T), Refusal>,
    ) -> Result<Admitted<T>, No> {
        let Circumstances { caller, shape, fail_mode } = call;
        let InHand { policy, version, fresh } = in_hand;
        let (policy, now) = (&policy.content, unix_seconds());
        if let Some(denial) = verdict::of_policy(policy, caller, now) {
            return Err(No::Policy(denial.into()));
        }
        let (amount, asked) = ask(policy).await?;
        let key = policy.key(&caller.credential, now).map(|key| key.id.as_str());
        let wish = Wish { policy, version: *version, fresh: *fresh, amount, key, now };
        let (refused, counts) = match self.ledger.reserve(&caller.tenant, wish).await {
            Ok(Reserved { hold, counts, overrun }) => {
                account.reserved = Some(hold.amount());
                account.limited = overrun.map(|exceeded| exceeded.limit);
                account.headers = ledger::headers(policy, &counts, now);
                return Ok(Admitted { asked, hold: Some(hold) });
            }
            Err(NotReserved::Refused(refused, counts)) => (refused, counts),
            Err(NotReserved::Table(error)) if fail_mode == FailMode::Open && error.is_outage() => {
                account.uncounted = true;
                return Ok(Admitted { asked, hold: None });
            }
            Err(NotReserved::Table(error)) => return Err(No::Final(unreadable(&error))),
        };
        if let Some(counts) = counts {
            account.headers = ledger::headers(policy, &counts, now);
        }
        if let Refused::Limit(exceeded) | Refused::Unattainable(exceeded) = refused {
            account.limited = Some(exceeded.limit);
        }
        Err(match refused {
            Refused::Outdated(head) => No::Outdated(head),
            Refused::Suspended => No::Policy(verdict::suspended(policy).into()),
            Refused::Limit(exceeded) => No::Final(ledger::denial(&exceeded, policy, now).into()),
            Refused::Unattainable(exceeded) => {
                No::Policy(ledger::unattainable_denial(&exceeded, policy, shape, now).into())
            }
            Refused::Contended => {
                No::Final(Denial::unavailable("too many calls of this tenant at one moment; try again").into())
            }
        })
    }
}

fn unreadable(error: &TableError) -> Refusal {
    Refusal::because(Denial::unavailable("the gateway cannot reach this tenant's policy and meter; try again"), error)
}
