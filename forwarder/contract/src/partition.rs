//! AWS partitions: the ARN partition and DNS suffix of a Region.
//!
//! Source: the `partitions.json` shipped with the AWS SDKs. Never hard-code `aws` or `amazonaws.com` elsewhere.

/// The group of Regions a Region belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// Second field of every ARN, for example `aws` or `aws-us-gov`.
    pub id: &'static str,
    /// Suffix of service host names, for example `amazonaws.com`.
    pub dns_suffix: &'static str,
}

/// Region prefix → partition; the first match wins, so longer prefixes stand before shorter ones.
const PARTITIONS: &[(&str, Partition)] = &[
    ("cn-", Partition { id: "aws-cn", dns_suffix: "amazonaws.com.cn" }),
    ("us-gov-", Partition { id: "aws-us-gov", dns_suffix: "amazonaws.com" }),
    ("us-isob-", Partition { id: "aws-iso-b", dns_suffix: "sc2s.sgov.gov" }),
    ("us-isof-", Partition { id: "aws-iso-f", dns_suffix: "csp.hci.ic.gov" }),
    ("eu-isoe-", Partition { id: "aws-iso-e", dns_suffix: "cloud.adc-e.uk" }),
    ("us-iso-", Partition { id: "aws-iso", dns_suffix: "c2s.ic.gov" }),
    ("eusc-", Partition { id: "aws-eusc", dns_suffix: "amazonaws.eu" }),
];

impl Partition {
    /// The partition of `region`; Regions of no other partition are in `aws`.
    pub fn of(region: &str) -> Self {
        PARTITIONS
            .iter()
            .find(|(prefix, _)| region.starts_with(prefix))
            .map_or(Self { id: "aws", dns_suffix: "amazonaws.com" }, |(_, partition)| *partition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_fall_into_their_partition() {
        let cases = [
            ("eu-central-1", "aws", "amazonaws.com"),
            ("us-gov-west-1", "aws-us-gov", "amazonaws.com"),
            ("us-isob-east-1", "aws-iso-b", "sc2s.sgov.gov"),
            ("us-iso-east-1", "aws-iso", "c2s.ic.gov"),
            ("eusc-de-east-1", "aws-eusc", "amazonaws.eu"),
        ];
        for (region, id, dns_suffix) in cases {
            assert_eq!(Partition::of(region), Partition { id, dns_suffix }, "{region}");
        }
    }
}
