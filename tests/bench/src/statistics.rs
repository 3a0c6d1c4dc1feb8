//! Medians and percentiles. Nothing else is reported: a mean follows its outliers, and a minimum follows lucky placement.

use std::time::Duration;

/// The value below which `percent` of the values lie; zero of no values.
pub fn percentile(values: &[Duration], percent: usize) -> Duration {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or_default()
}

/// The middle value.
pub fn median(values: &[Duration]) -> Duration {
    percentile(values, 50)
}

/// Half the distance between the quartiles, in percent of the median: how far rounds are apart.
pub fn spread_percent(values: &[Duration]) -> f64 {
    let middle = median(values).as_secs_f64();
    let distance = percentile(values, 75).saturating_sub(percentile(values, 25)).as_secs_f64();
    if middle > 0.0 { 50.0 * distance / middle } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_few_values_is_one_of_them() {
        let values = [5, 1, 3].map(Duration::from_millis);
        assert_eq!(median(&values), Duration::from_millis(3));
        assert_eq!(percentile(&values, 99), Duration::from_millis(5));
        assert_eq!(median(&[]), Duration::ZERO);
    }

    #[test]
    fn equal_values_have_no_spread() {
        assert!(spread_percent(&[Duration::from_millis(2); 4]).abs() < f64::EPSILON);
        assert!(spread_percent(&[1, 2, 3, 4].map(Duration::from_millis)) > 10.0);
    }
}
