//! Counts of the newest task list by provider, client and allocator.

use std::collections::HashMap;

use assize_protocol::{ActorId, ProviderId, TaskList};
use assize_wire::{AllocatorSummary, ClientCount, ClientSummary, MinerSummary, ProviderCount};

/// Number of tasks in total and per counterpart.
#[derive(Debug)]
struct Count<T> {
    tasks: u64,
    with: HashMap<T, u64>,
}

impl<T> Default for Count<T> {
    fn default() -> Self {
        Self {
            tasks: 0,
            with: HashMap::new(),
        }
    }
}

/// The counts.
#[derive(Debug, Default)]
pub(crate) struct Eligible {
    miners: HashMap<ProviderId, Count<ActorId>>,
    clients: HashMap<ActorId, Count<ProviderId>>,
    allocators: HashMap<ActorId, Count<ActorId>>,
}

impl Eligible {
    pub(crate) fn new(tasks: &TaskList) -> Self {
        let mut counts = Self::default();
        for task in tasks.entries() {
            let miner = counts.miners.entry(task.provider).or_default();
            miner.tasks += 1;
            for &client in &task.clients {
                *miner.with.entry(client).or_default() += 1;
                let count = counts.clients.entry(client).or_default();
                count.tasks += 1;
                *count.with.entry(task.provider).or_default() += 1;
            }
            for &allocator in &task.allocators {
                let count = counts.allocators.entry(allocator).or_default();
                count.tasks += 1;
                for &client in &task.clients {
                    *count.with.entry(client).or_default() += 1;
                }
            }
        }
        counts
    }

    /// Providers without tasks get zero counts as well, as Spark answers.
    pub(crate) fn miner(&self, miner_id: ProviderId) -> MinerSummary {
        let (deal_count, clients) = ordered(self.miners.get(&miner_id));
        MinerSummary {
            miner_id,
            deal_count,
            clients: clients.into_iter().map(client).collect(),
        }
    }

    pub(crate) fn client(&self, client_id: ActorId) -> ClientSummary {
        let (deal_count, providers) = ordered(self.clients.get(&client_id));
        let provider = |(miner_id, deal_count)| ProviderCount { miner_id, deal_count };
        ClientSummary {
            client_id,
            deal_count,
            providers: providers.into_iter().map(provider).collect(),
        }
    }

    pub(crate) fn allocator(&self, allocator_id: ActorId) -> AllocatorSummary {
        let (deal_count, clients) = ordered(self.allocators.get(&allocator_id));
        AllocatorSummary {
            allocator_id,
            deal_count,
            clients: clients.into_iter().map(client).collect(),
        }
    }
}

fn client((client_id, deal_count): (ActorId, u64)) -> ClientCount {
    ClientCount {
        client_id,
        deal_count,
    }
}

/// Sorted by count, largest first, then by id.
fn ordered<T: Copy + Ord>(count: Option<&Count<T>>) -> (u64, Vec<(T, u64)>) {
    let Some(count) = count else {
        return (0, Vec::new());
    };
    let mut with: Vec<_> = count.with.iter().map(|(&id, &count)| (id, count)).collect();
    with.sort_unstable_by_key(|&(id, count)| (std::cmp::Reverse(count), id));
    (count.tasks, with)
}

#[cfg(test)]
mod tests {
    use assize_protocol::Task;

    use super::*;

    #[test]
    fn payloads_are_counted_with_their_providers_in_descending_order() {
        let recorded = assize_testkit::fixtures::tasks().unwrap();
        let cids: Vec<_> = recorded.entries().iter().map(|task| task.cid).collect();
        let task = |index: usize, provider, clients: &[u64], allocators: &[u64]| Task {
            cid: cids[index],
            provider: ProviderId(provider),
            clients: clients.iter().copied().map(ActorId).collect(),
            allocators: allocators.iter().copied().map(ActorId).collect(),
        };
        let list = TaskList::new(vec![
            task(0, 1, &[10], &[90]),
            task(1, 1, &[11, 10], &[90]),
            task(2, 1, &[11], &[]),
            task(2, 2, &[11], &[91]),
            task(3, 1, &[11], &[91]),
        ])
        .unwrap();
        let eligible = Eligible::new(&list);
        // Compared as values: the order of keys depends on the features of the build.
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(
            serde_json::to_value(eligible.miner(ProviderId(1))).unwrap(),
            value(
                r#"{"clients":[{"clientId":"f011","dealCount":3},{"clientId":"f010","dealCount":2}],"dealCount":4,"minerId":"f01"}"#
            )
        );
        assert_eq!(
            serde_json::to_value(eligible.client(ActorId(11))).unwrap(),
            value(
                r#"{"clientId":"f011","dealCount":4,"providers":[{"dealCount":3,"minerId":"f01"},{"dealCount":1,"minerId":"f02"}]}"#
            )
        );
        assert_eq!(
            serde_json::to_value(eligible.allocator(ActorId(90))).unwrap(),
            value(
                r#"{"allocatorId":"f090","clients":[{"clientId":"f010","dealCount":2},{"clientId":"f011","dealCount":1}],"dealCount":2}"#
            )
        );
        assert_eq!(eligible.miner(ProviderId(7)).deal_count, 0);
    }
}
