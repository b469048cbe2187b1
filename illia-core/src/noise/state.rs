//! The seed and the counters that make each key new.

use super::{Key, cuda};
use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

/// One call of [`manual_seed`] or [`restore`], shared by every thread that follows it.
struct SeedState {
    /// Which of all such calls in this process.
    generation: u64,
    seed: u64,
    next_stream: AtomicU64,
    /// The stream of dropout masks.
    dropout_stream: u64,
    dropout: AtomicU64,
}

/// The stream of dropout masks, out of reach of the numbers that [`Stream`]s are given.
const DROPOUT: u64 = u64::MAX;

/// Where threads that follow another's seed begin to number their streams: out of that thread's reach, so that neither
/// changes what the other draws.
const FOLLOWERS: u64 = 1 << 63;

impl SeedState {
    /// For the thread that calls, and for those that follow it.
    fn pair(seed: u64) -> [SeedState; 2] {
        let own = State { seed, ..State::default() };
        let followers = State { seed, next_stream: FOLLOWERS, follower: true, ..State::default() };
        let generation = SeedState::next_generation();
        [own, followers].map(|state| SeedState { generation, ..SeedState::from(state) })
    }

    fn next_generation() -> u64 {
        static GENERATIONS: AtomicU64 = AtomicU64::new(0);
        GENERATIONS.fetch_add(1, Ordering::Relaxed)
    }
}

impl From<State> for SeedState {
    fn from(state: State) -> SeedState {
        SeedState {
            generation: SeedState::next_generation(),
            seed: state.seed,
            next_stream: AtomicU64::new(state.next_stream),
            dropout_stream: if state.follower { DROPOUT - 1 } else { DROPOUT },
            dropout: AtomicU64::new(state.dropout),
        }
    }
}

/// What threads use that never set a seed themselves.
static PROCESS: LazyLock<RwLock<Arc<SeedState>>> = LazyLock::new(|| {
    let [_, followers] = SeedState::pair(0);
    RwLock::new(Arc::new(followers))
});

thread_local! {
    static OWN: RefCell<Option<Arc<SeedState>>> = const { RefCell::new(None) };
}

fn current() -> Arc<SeedState> {
    let own = OWN.try_with(|own| own.borrow().clone()).ok().flatten();
    own.unwrap_or_else(|| Arc::clone(&PROCESS.read().unwrap_or_else(PoisonError::into_inner)))
}

fn set_own(state: SeedState) {
    // Fails only while the thread is ending, when nothing draws any more.
    let _ = OWN.try_with(|slot| slot.replace(Some(Arc::new(state))));
}

/// Starts all noise again from a seed, libtorch's own (`tch::manual_seed`) too.
///
/// The same seed and the same program give the same numbers. The seed holds for the calling thread, and for every
/// thread that has not called `manual_seed` itself: worker threads follow the main one, and tests
/// that run side by side don't disturb each other. A program that never calls it has seed 0: it is
/// repeatable too.
///
/// ```
/// use illia_core::noise::Stream;
///
/// let stream = Stream::new();
/// illia_core::manual_seed(7);
/// let first = stream.next_key();
/// illia_core::manual_seed(7);
/// assert_eq!(stream.next_key(), first);
/// ```
pub fn manual_seed(seed: u64) {
    cuda::alone(|| tch::manual_seed(seed.cast_signed()));
    let [own, followers] = SeedState::pair(seed);
    set_own(own);
    *PROCESS.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(followers);
}

/// A key for a dropout mask, new at each call.
pub fn next_dropout_key() -> Key {
    let state = current();
    Key {
        seed: state.seed,
        stream: state.dropout_stream,
        draw: state.dropout.fetch_add(1, Ordering::Relaxed),
    }
}

/// What to keep of the calling thread's seed to go on later with the same noise; each [`Stream`] adds its own
/// [`Stream::position`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct State {
    /// The seed.
    pub seed: u64,
    /// The number of the next new [`Stream`].
    pub next_stream: u64,
    /// How many dropout keys were handed out.
    pub dropout: u64,
    /// Whether the thread follows another's seed, with numbers of its own.
    #[serde(default)]
    pub follower: bool,
}

/// The calling thread's seed and counters.
pub fn state() -> State {
    let state = current();
    State {
        seed: state.seed,
        next_stream: state.next_stream.load(Ordering::Relaxed),
        dropout: state.dropout.load(Ordering::Relaxed),
        follower: state.dropout_stream != DROPOUT,
    }
}

/// Goes on from a [`State`] in the calling thread alone; libtorch's own generator is left as it is. Streams that live
/// already take new numbers unless they are given theirs back with [`Stream::restore`].
pub fn restore(state: State) {
    set_own(SeedState::from(state));
}

/// The keys of one random parameter.
///
/// A stream takes its number when it is made, in the order in which streams are made. When the seed is set anew
/// it takes the next number at its next draw, and counts its draws from 0: the same
/// forward pass after the same `manual_seed` draws the same weights. No two streams share a number under one seed.
#[derive(Debug)]
pub struct Stream {
    generation: Cell<u64>,
    stream: Cell<u64>,
    draw: Cell<u64>,
}

impl Stream {
    /// A new stream under the calling thread's seed.
    pub fn new() -> Stream {
        let state = current();
        Stream {
            generation: Cell::new(state.generation),
            stream: Cell::new(state.next_stream.fetch_add(1, Ordering::Relaxed)),
            draw: Cell::new(0),
        }
    }

    /// The key of the next draw.
    pub fn next_key(&self) -> Key {
        let state = current();
        self.follow(&state);
        let draw = self.draw.get();
        self.draw.set(draw.wrapping_add(1));
        Key { seed: state.seed, stream: self.stream.get(), draw }
    }

    /// (number, draws so far) under the calling thread's seed, to save.
    pub fn position(&self) -> (u64, u64) {
        self.follow(&current());
        (self.stream.get(), self.draw.get())
    }

    /// Goes on from a saved [`Stream::position`], under the seed that the calling thread has now (see [`restore`]).
    pub fn restore(&self, (stream, draw): (u64, u64)) {
        let state = current();
        state.next_stream.fetch_max(stream.saturating_add(1), Ordering::Relaxed);
        self.generation.set(state.generation);
        self.stream.set(stream);
        self.draw.set(draw);
    }

    fn follow(&self, state: &SeedState) {
        if self.generation.replace(state.generation) != state.generation {
            self.stream.set(state.next_stream.fetch_add(1, Ordering::Relaxed));
            self.draw.set(0);
        }
    }
}

impl Default for Stream {
    fn default() -> Stream {
        Stream::new()
    }
}
