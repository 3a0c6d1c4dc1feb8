//! Where the emulator is not as AWS, case by case.

/// One difference.
pub struct Difference {
    /// The case that shows it.
    pub case: &'static str,
    /// What AWS does.
    pub aws: &'static str,
    /// Where that is known from.
    pub source: &'static str,
    /// What the emulator does.
    pub emulator: &'static str,
    /// Why it stays.
    pub reason: &'static str,
    /// Part of the message the case fails with on the emulator.
    pub shows: &'static str,
}

/// All of them, sorted by case.
pub const DIFFERENCES: &[Difference] = &[
    Difference {
        case: "a_domain_is_made_once",
        aws: "refuses a domain that exists: `ConflictException`, \"The domain name you provided already exists.\"",
        source: "API Gateway API reference, CreateDomainName; the message as users of Terraform report it",
        emulator: "refuses it in other words, which tell nothing of another account",
        reason: "the class follows the words; a name of our own is found by a look before",
        shows: "a second creation",
    },
    Difference {
        case: "a_log_group_takes_a_retention_aws_knows",
        aws: "refuses a retention that is not on its list: `InvalidParameterException`",
        source: "CloudWatch Logs API reference, PutRetentionPolicy, `retentionInDays`",
        emulator: "takes any number of days",
        reason: "the operator writes one number of days, which is on the list",
        shows: "31 days: accepted",
    },
    Difference {
        case: "a_role_that_does_not_exist_cannot_be_assumed_yet",
        aws: "refuses a function whose role it cannot assume: `InvalidParameterValueException`",
        source: "Lambda API reference, CreateFunction; terraform-provider-aws retries on this message",
        emulator: "makes the function",
        reason: "the fake has the rule and the delay of new roles; in the emulator a role would be usable at once anyway",
        shows: "creation: accepted",
    },
    Difference {
        case: "changes_of_an_absent_table_are_conflicts",
        aws: "refuses point-in-time recovery of an absent table: `TableNotFoundException`",
        source: "DynamoDB API reference, UpdateContinuousBackups, errors",
        emulator: "says yes",
        reason: "the operator switches it on only for a table it has just seen",
        shows: "recovery: accepted",
    },
    Difference {
        case: "quotas_of_the_account_can_be_read",
        aws: "lists the account's quotas of API Gateway",
        source: "Service Quotas API reference, ListServiceQuotas",
        emulator: "has no quotas of API Gateway, and refuses",
        reason: "without them the operator goes by those AWS publishes, which is worth running end to end",
        shows: "servicequotas:ListServiceQuotas",
    },
];

impl Difference {
    /// The line of the table in `docs/emulator-differences.md`.
    pub fn row(&self) -> String {
        let Self { case, aws, source, emulator, reason, shows: _ } = self;
        format!("| `{case}` | {aws} | {source} | {emulator} | {reason} |")
    }
}
