//! The table of connections.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::{Host, Rejection};

/// Statistics of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ConnectionsSnapshot {
    /// Open now.
    pub open: usize,
    /// Of these, without a request.
    pub idle: usize,
    /// Accepted.
    pub accepted: u64,
    /// Rejected because their address had too many.
    pub refused_by_host: u64,
    /// Rejected because all were busy.
    pub refused_full: u64,
    /// Closed without a request, to make room.
    pub displaced: u64,
    /// Closed because no request arrived in time.
    pub timed_out: u64,
    /// Closed because the request was malformed.
    pub malformed: u64,
}

/// All connections.
#[derive(Debug)]
pub(super) struct Table {
    total: usize,
    per_host: usize,
    seats: Mutex<Seats>,
}

#[derive(Debug, Default)]
struct Seats {
    next: u64,
    /// Connections by number, and their position among the idle ones.
    open: HashMap<u64, Option<Place>>,
    hosts: HashMap<Host, usize>,
    idle: BTreeMap<Place, (u64, Arc<Notify>)>,
    counts: ConnectionsSnapshot,
}

/// Whether it has made a request, and since when it is idle: the smallest is displaced first.
type Place = (bool, u64);

impl Seats {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn displace(&mut self) -> bool {
        let Some((_, (number, displaced))) = self.idle.pop_first() else {
            return false;
        };
        // Its task ends soon.
        self.open.remove(&number);
        displaced.notify_one();
        true
    }
}

impl Table {
    pub(super) fn new(total: usize, per_host: usize) -> Self {
        Self {
            total,
            per_host,
            seats: Mutex::default(),
        }
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat for a connection; `host` is `None` if it is not limited.
    pub(super) fn admit(table: &Arc<Self>, host: Option<Host>) -> Result<Seat, Rejection> {
        let mut seats = table.seats();
        if let Some(host) = host
            && seats
                .hosts
                .get(&host)
                .is_some_and(|count| *count >= table.per_host)
        {
            seats.counts.refused_by_host += 1;
            return Err(Rejection::ConnectionsOfHost);
        }
        if seats.open.len() >= table.total {
            if !seats.displace() {
                seats.counts.refused_full += 1;
                return Err(Rejection::Connections);
            }
            seats.counts.displaced += 1;
        }
        if let Some(host) = host {
            *seats.hosts.entry(host).or_default() += 1;
        }
        seats.counts.accepted += 1;
        let number = seats.number();
        let displaced = Arc::new(Notify::new());
        let place = (false, number);
        seats.open.insert(number, Some(place));
        seats.idle.insert(place, (number, Arc::clone(&displaced)));
        Ok(Seat {
            table: Arc::clone(table),
            number,
            host,
            displaced,
        })
    }

    /// Closes the least useful connection.
    pub(super) fn displace(&self) {
        let mut seats = self.seats();
        if seats.displace() {
            seats.counts.displaced += 1;
        }
    }

    /// Closes all connections without a request.
    pub(super) fn displace_all(&self) {
        let mut seats = self.seats();
        while seats.displace() {}
    }

    pub(super) fn snapshot(&self) -> ConnectionsSnapshot {
        let seats = self.seats();
        ConnectionsSnapshot {
            open: seats.open.len(),
            idle: seats.idle.len(),
            ..seats.counts
        }
    }
}

/// A connection's entry in the table, released on drop.
#[derive(Debug)]
pub(super) struct Seat {
    table: Arc<Table>,
    number: u64,
    host: Option<Host>,
    displaced: Arc<Notify>,
}

impl Seat {
    /// Completes when the connection must make room.
    pub(super) async fn displaced(&self) {
        self.displaced.notified().await;
    }

    /// A request has arrived.
    pub(super) fn busy(&self) -> Busy {
        let mut seats = self.table.seats();
        if let Some(place) = seats.open.get_mut(&self.number).and_then(Option::take) {
            seats.idle.remove(&place);
        }
        Busy {
            table: Arc::clone(&self.table),
            number: self.number,
            displaced: Arc::clone(&self.displaced),
        }
    }

    pub(super) fn timed_out(&self) {
        self.table.seats().counts.timed_out += 1;
    }

    pub(super) fn malformed(&self) {
        self.table.seats().counts.malformed += 1;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.table.seats();
        if let Some(Some(place)) = seats.open.remove(&self.number) {
            seats.idle.remove(&place);
        }
        if let Some(host) = self.host
            && let Entry::Occupied(mut count) = seats.hosts.entry(host)
        {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

/// A pending request; on drop, the connection is idle again.
#[derive(Debug)]
pub(super) struct Busy {
    table: Arc<Table>,
    number: u64,
    displaced: Arc<Notify>,
}

impl Drop for Busy {
    fn drop(&mut self) {
        let mut seats = self.table.seats();
        let place = (true, seats.number());
        // Unless it is closed.
        if let Some(none) = seats.open.get_mut(&self.number)
            && none.is_none()
        {
            *none = Some(place);
            let displaced = Arc::clone(&self.displaced);
            seats.idle.insert(place, (self.number, displaced));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(n: u8) -> Option<Host> {
        Some(Host::of([192, 0, 2, n].into()))
    }

    fn is_displaced(seat: &Seat) -> bool {
        use std::task::{Context, Poll, Waker};
        let displaced = std::pin::pin!(seat.displaced());
        displaced.poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
    }

    #[test]
    fn a_host_is_limited_and_a_proxy_is_not() {
        let table = Arc::new(Table::new(10, 2));
        let seats = [
            Table::admit(&table, host(1)).unwrap(),
            Table::admit(&table, host(1)).unwrap(),
        ];
        assert_eq!(
            Table::admit(&table, host(1)).unwrap_err(),
            Rejection::ConnectionsOfHost
        );
        let _other = Table::admit(&table, host(2)).unwrap();
        let _proxied: Vec<_> = (0..5).map(|_| Table::admit(&table, None).unwrap()).collect();
        drop(seats);
        assert!(Table::admit(&table, host(1)).is_ok());
        assert_eq!(table.snapshot().refused_by_host, 1);
    }

    #[test]
    fn silent_connections_are_displaced_before_idle_ones_and_busy_ones_never() {
        let table = Arc::new(Table::new(3, 10));
        let [working, served, silent] = [1, 2, 3].map(|n| Table::admit(&table, host(n)).unwrap());
        let _busy = working.busy();
        drop(served.busy());
        let first = Table::admit(&table, host(4)).unwrap();
        assert!(is_displaced(&silent));
        let _first_busy = first.busy();
        let second = Table::admit(&table, host(5)).unwrap();
        assert!(is_displaced(&served));
        let _second_busy = second.busy();
        assert_eq!(Table::admit(&table, host(6)).unwrap_err(), Rejection::Connections);
        assert!(!is_displaced(&working));
        // A displaced connection releases its seat only once.
        drop((silent, served));
        let snapshot = table.snapshot();
        assert_eq!((snapshot.open, snapshot.idle, snapshot.displaced), (3, 0, 2));
    }

    #[test]
    fn closed_connections_leave_nothing_behind() {
        let table = Arc::new(Table::new(4, 2));
        for n in 0..100 {
            let seat = Table::admit(&table, host(n)).unwrap();
            let busy = (n % 2 == 0).then(|| seat.busy());
            // In either order.
            if n % 4 == 0 {
                drop(seat);
                drop(busy);
            }
        }
        let seats = table.seats();
        assert!(
            seats.open.is_empty() && seats.idle.is_empty() && seats.hosts.is_empty(),
            "{seats:?}"
        );
    }
}
