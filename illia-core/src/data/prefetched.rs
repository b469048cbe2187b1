//! The next batch, made ready on a thread of its own.

use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::dataset::{Batch, Dataset};
use crate::error::{Error, Result, caught};

/// Any data set, owned by a thread that makes ready what [`prefetch`](Dataset::prefetch) announces: what
/// [`Dataset::prefetched`] gives. Batches have the bits that they have without it.
///
/// A thread that owns the data, rather than threads that share them, since tensors can be sent between threads and not shared. An error
/// or a panic of the data set comes back from the `batch` that asks for those rows. Dropping it waits until the batch
/// that is being made is done. Random numbers that a data set takes from libtorch's generator come from another thread here, and
/// so are others than without it; those of [`Dataset::map`] are the same.
///
/// ```
/// use illia_core::data::{Dataset, Tensors};
/// use tch::{Device, Kind, Tensor};
///
/// let x = Tensor::arange(6, (Kind::Float, Device::Cpu));
/// let data = Tensors::new(vec![x.shallow_clone()], x)?.prefetched()?;
/// let batches = [[0, 1, 2], [3, 4, 5]];
/// for (i, rows) in batches.iter().enumerate() {
///     let batch = data.batch(rows)?;
///     if let Some(next) = batches.get(i + 1) {
///         data.prefetch(next);
///     }
///     // Work on `batch`, while the next is made ready.
///     assert_eq!(batch.rows(), 3);
/// }
/// # Ok::<(), illia_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Prefetched<D> {
    len: usize,
    /// None only while it is dropped, which is how the thread learns of it.
    jobs: Option<Sender<Job<D>>>,
    thread: Option<JoinHandle<()>>,
    ready: RefCell<VecDeque<Announced>>,
    epoch: RefCell<Option<u64>>,
}

/// Rows, and where their batch will come from.
type Announced = (Vec<i64>, Receiver<Result<Batch>>);

type Job<D> = Box<dyn FnOnce(&D) + Send>;

/// How many announced batches are kept: the next one, and the one that is asked for now where it is announced after the next.
const READY: usize = 2;

impl<D: Dataset + Send + 'static> Prefetched<D> {
    pub(super) fn new(dataset: D) -> Result<Self> {
        let len = dataset.len();
        let (jobs, queue) = channel::<Job<D>>();
        let work = move || queue.into_iter().for_each(|job| job(&dataset));
        let thread = std::thread::Builder::new().name("illia data".to_owned()).spawn(work);
        let thread = thread.map_err(|e| Error::data(NAME, format!("no thread for it: {e}")))?;
        Ok(Prefetched {
            len,
            jobs: Some(jobs),
            thread: Some(thread),
            ready: RefCell::default(),
            epoch: RefCell::default(),
        })
    }

    /// Lets the thread do `work` after what it has to do already.
    fn send<T: Send + 'static>(
        &self,
        work: impl FnOnce(&D) -> Result<T> + Send + 'static,
    ) -> Receiver<Result<T>> {
        let (answer, receiver) = channel();
        let job: Job<D> = Box::new(move |dataset| {
            let result = catch_unwind(AssertUnwindSafe(|| caught(|| work(dataset))));
            let result = result.unwrap_or_else(|panic| Err(panicked(&*panic)));
            // Nobody waits for the answer any more where another batch was asked for than announced.
            let _ = answer.send(result.and_then(|result| result));
        });
        if let Some(jobs) = &self.jobs {
            // Fails where the thread is gone; then so is `answer`, which the receiver notices.
            let _ = jobs.send(job);
        }
        receiver
    }

    fn request(&self, rows: &[i64]) -> Receiver<Result<Batch>> {
        let rows = rows.to_vec();
        self.send(move |dataset| dataset.batch(&rows))
    }
}

/// What errors that are not the data set's own are about.
const NAME: &str = "data set";

fn answer<T>(receiver: &Receiver<Result<T>>) -> Result<T> {
    receiver.recv().unwrap_or_else(|_| Err(Error::data(NAME, "its thread has ended")))
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a message");
    Error::data(NAME, format!("it panicked: {text}"))
}

impl<D: Dataset + Send + 'static> Dataset for Prefetched<D> {
    fn len(&self) -> usize {
        self.len
    }

    fn batch(&self, rows: &[i64]) -> Result<Batch> {
        let mut ready = self.ready.borrow_mut();
        let place = ready.iter().position(|(announced, _)| announced == rows);
        let announced = place.and_then(|place| ready.remove(place));
        drop(ready);
        answer(&announced.map_or_else(|| self.request(rows), |(_, receiver)| receiver))
    }

    fn prefetch(&self, rows: &[i64]) {
        let mut ready = self.ready.borrow_mut();
        if ready.iter().any(|(announced, _)| announced == rows) {
            return;
        }
        if ready.len() == READY {
            ready.pop_front();
        }
        ready.push_back((rows.to_vec(), self.request(rows)));
    }

    fn set_epoch(&self, epoch: u64) {
        if self.epoch.replace(Some(epoch)) != Some(epoch) {
            // What was made ready is of another epoch.
            self.ready.borrow_mut().clear();
            drop(self.send(move |dataset| {
                dataset.set_epoch(epoch);
                Ok(())
            }));
        }
    }

    fn fingerprint(&self) -> Result<u64> {
        answer(&self.send(|dataset| dataset.fingerprint()))
    }
}

impl<D> Drop for Prefetched<D> {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been answered; one while the data set itself is dropped has nobody to go to.
            let _ = thread.join();
        }
    }
}
