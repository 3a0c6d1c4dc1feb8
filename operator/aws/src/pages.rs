//! Lists that AWS hands out page by page.

use std::future::Future;

use aigw_cloud::CloudError;

/// Asks for one page after the other and hands each to `take`, which says where the next one begins; ends where it says
/// nothing.
pub async fn each<T, F>(
    mut ask: impl FnMut(Option<String>) -> F,
    mut take: impl FnMut(T) -> Option<String>,
) -> Result<(), CloudError>
where
    F: Future<Output = Result<T, CloudError>>,
{
    let mut begins = None;
    loop {
        begins = take(ask(begins).await?);
        if begins.is_none() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use aigw_plan::Class;

    use super::*;

    #[tokio::test]
    async fn pages_are_asked_for_until_one_is_the_last() {
        let (mut asked, mut taken) = (Vec::new(), Vec::new());
        let ask = |begins: Option<String>| {
            asked.push(begins);
            let page = asked.len();
            async move { Ok(page) }
        };
        let take = |page: usize| {
            taken.push(page);
            (page < 3).then(|| format!("after {page}"))
        };
        each(ask, take).await.unwrap();
        assert_eq!(asked, [None, Some("after 1".to_owned()), Some("after 2".to_owned())]);
        assert_eq!(taken, [1, 2, 3]);
    }

    #[tokio::test]
    async fn a_page_that_fails_ends_the_list() {
        let failing = |_| async { Err::<(), _>(CloudError::new("x:List", Class::Denied, "Denied", "no")) };
        assert_eq!(each(failing, |()| None).await.unwrap_err().code, "Denied");
    }
}
