//! The one error type of the library.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;

use tch::{Kind, TchError};

/// What can go wrong, with what a caller needs to tell the cases apart.
///
/// ```
/// use illia_core::{Error, nn::Linear};
/// use tch::{Device, Kind, Tensor, nn::VarStore};
///
/// let vs = VarStore::new(Device::Cpu);
/// let layer = Linear::new(vs.root() / "fc", 3, 1, Default::default());
/// match layer.try_forward(&Tensor::ones([2, 4], (Kind::Float, Device::Cpu))) {
///     Err(Error::Shape { given, .. }) => assert_eq!(given, [2, 4]),
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tensor's shape is not what a layer or a net takes.
    #[error("{layer}: expected an input of shape {expected}, got {given:?}")]
    Shape {
        /// The layer's path (`left.fc1`), or its kind when it stands alone.
        layer: String,
        /// The shape that fits, in words: `[.., 784]`.
        expected: String,
        /// The shape that came.
        given: Vec<i64>,
    },
    /// A token is not in an embedding's vocabulary.
    #[error("{layer}: token {index} is outside the vocabulary of {vocabulary}")]
    Token {
        /// The layer's path.
        layer: String,
        /// The first offending token.
        index: i64,
        /// The number of tokens that there are: 0 to `vocabulary - 1` are allowed.
        vocabulary: i64,
    },
    /// A setting is outside of what is allowed.
    #[error("{name} = {value} is not allowed: {allowed}")]
    Configuration {
        /// The setting's name.
        name: String,
        /// The value given.
        value: String,
        /// What is allowed, in words.
        allowed: String,
    },
    /// A net can't be made or run so: its sizes do not fit, or a number is outside of its range.
    #[error("{layer}: {problem}")]
    Unfit {
        /// The layer's path, or the net's name.
        layer: String,
        /// What does not fit, in words.
        problem: String,
    },
    /// A term of the training objective is not a finite number.
    #[error("epoch {epoch}, step {step}: the {term} is {value}")]
    NonFinite {
        /// The epoch, counted from 1.
        epoch: usize,
        /// The step in the whole run, counted from 1.
        step: usize,
        /// The term: `negative log-likelihood` or `kl cost`.
        term: &'static str,
        /// The offending value.
        value: f64,
    },
    /// A file of data can't be used.
    #[error("{file}{}: {problem}", place(*row, *column))]
    Data {
        /// The file's path.
        file: String,
        /// The row (line) in a text file, counted from 1.
        row: Option<usize>,
        /// The column in that row, counted from 1.
        column: Option<usize>,
        /// What is wrong with it.
        problem: String,
    },
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file's path.
        path: String,
        /// The operating system's reason.
        source: std::io::Error,
    },
    /// A checkpoint can't be used; nothing has been changed.
    #[error("{path}: {reason}")]
    Checkpoint {
        /// The file's path, or the folder's.
        path: String,
        /// Why not.
        reason: Unusable,
    },
    /// libtorch refused an operation.
    #[error("{layer}: {message}")]
    Torch {
        /// The layer's path, or the operation's name.
        layer: String,
        /// libtorch's first line, without its backtrace.
        message: String,
    },
    /// The processes of a run can't go on together ([`processes`](crate::processes)).
    #[error("rank {rank}, {collective}: {problem}")]
    Processes {
        /// The process that says so.
        rank: usize,
        /// What they were at: `all-reduce`, say, or `step`.
        collective: &'static str,
        /// What is wrong, in words.
        problem: String,
    },
}

/// Why a checkpoint can't be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unusable {
    /// There is none.
    #[error("there is no such checkpoint")]
    Missing,
    /// It is cut off, or not as it was written.
    #[error("not a whole checkpoint: {0}")]
    Damaged(String),
    /// It is of another model, or of a run with other settings: the first difference.
    #[error("a checkpoint of another model or run: {0}")]
    Architecture(String),
    /// A later version wrote it.
    #[error("written in format {found}, and this version knows formats up to {known}")]
    Newer {
        /// The file's format.
        found: u32,
        /// The newest that this version reads.
        known: u32,
    },
    /// A weight in it is not a finite number.
    #[error("{0} holds NaN or infinity")]
    NonFinite(String),
}

/// The library's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Puts `name` before the layer's path: what a net adds to its layers' errors.
    #[must_use]
    pub fn at(mut self, name: &str) -> Self {
        if let Error::Shape { layer, .. }
        | Error::Token { layer, .. }
        | Error::Torch { layer, .. }
        | Error::Unfit { layer, .. } = &mut self
        {
            // A layer that stands alone goes by its kind (`Linear`); within a net, by its field.
            let alone = layer.chars().next().is_some_and(char::is_uppercase);
            *layer = if alone { name.to_owned() } else { format!("{name}.{layer}") };
            return self;
        }
        match self {
            // A setting that a layer refuses does not say whose it is.
            setting @ Error::Configuration { .. } => {
                Error::Unfit { layer: name.to_owned(), problem: setting.to_string() }
            }
            other => other,
        }
    }

    /// An [`Error::Configuration`].
    pub fn configuration(name: &str, value: impl ToString, allowed: &str) -> Self {
        Error::Configuration { name: name.to_owned(), value: value.to_string(), allowed: allowed.to_owned() }
    }

    /// An [`Error::Data`] about `file` as a whole.
    pub fn data(file: &str, problem: impl ToString) -> Self {
        Error::Data { file: file.to_owned(), row: None, column: None, problem: problem.to_string() }
    }

    /// An [`Error::Data`] in a row of `file`, and a column if one is known, counted from 1.
    pub fn data_at(file: &str, row: usize, column: Option<usize>, problem: impl ToString) -> Self {
        Error::Data { file: file.to_owned(), row: Some(row), column, problem: problem.to_string() }
    }

    /// An [`Error::Io`] on `path`.
    pub fn io(path: &std::path::Path, source: std::io::Error) -> Self {
        Error::Io { path: path.display().to_string(), source }
    }

    /// libtorch's refusal within `layer`, without its C++ backtrace.
    pub fn torch(layer: &str, error: &TchError) -> Self {
        let text = match error {
            TchError::Torch(text) => text.clone(),
            other => other.to_string(),
        };
        let message = text.lines().next().unwrap_or_default().to_owned();
        Error::Torch { layer: layer.to_owned(), message }
    }
}

impl From<TchError> for Error {
    /// For `?` on what tch returns, `nn::Adam::default().build(&vs, 1e-3)?`: libtorch's first line, without a layer's name.
    fn from(error: TchError) -> Self {
        Error::torch("libtorch", &error)
    }
}

/// `, row 3, column 2`, as far as it is known.
fn place(row: Option<usize>, column: Option<usize>) -> String {
    let row = row.map_or(String::new(), |row| format!(", row {row}"));
    let column = column.map_or(String::new(), |column| format!(", column {column}"));
    row + &column
}

/// Names the layer in which libtorch refused.
pub(crate) trait Within<T> {
    /// Turns libtorch's exception into an [`Error::Torch`] of `layer`.
    fn within(self, layer: &str) -> Result<T>;
}

impl<T> Within<T> for std::result::Result<T, TchError> {
    fn within(self, layer: &str) -> Result<T> {
        self.map_err(|error| Error::torch(layer, &error))
    }
}

/// Refuses tensors of other than floating-point numbers.
pub(crate) fn floating(name: &str, tensor: &tch::Tensor) -> Result<()> {
    match tensor.kind() {
        Kind::Half | Kind::BFloat16 | Kind::Float | Kind::Double => Ok(()),
        other => Err(Error::configuration(name, format!("{other:?}"), "floating-point numbers")),
    }
}

thread_local! {
    /// How many [`caught`] are under way in this thread.
    static CATCHING: Cell<usize> = const { Cell::new(0) };
}

/// Runs a user's `forward`, which has no `Result`: an error that one of the library's layers stopped at ([`fail`]) comes
/// back as one. Other panics go on.
pub(crate) fn caught<T>(forward: impl FnOnce() -> T) -> Result<T> {
    CATCHING.set(CATCHING.get() + 1);
    let result = std::panic::catch_unwind(AssertUnwindSafe(forward));
    CATCHING.set(CATCHING.get() - 1);
    result.or_else(|payload| match payload.downcast::<Error>() {
        Ok(error) => Err(*error),
        Err(payload) => std::panic::resume_unwind(payload),
    })
}

/// Stops with the error's sentence, before which stands where in the net's variables the layer was to be.
#[track_caller]
pub fn fail_at(p: &tch::nn::Path<'_>, error: Error) -> ! {
    let name: Vec<&str> = p.components().collect();
    // Whoever catches it names the layer.
    if CATCHING.get() > 0 || name.is_empty() {
        fail(error);
    }
    fail(error.at(&name.join(".")))
}

/// Stops with the error's sentence: what tch's own `forward` and constructors do on a caller's mistake, and the only
/// place where the library does. Every function that ends here has a `try_` form; [`Fit`](crate::Fit) and
/// [`Predict`](crate::Predict) return the error.
#[track_caller]
#[allow(clippy::panic)]
pub fn fail(error: Error) -> ! {
    if CATCHING.get() > 0 {
        std::panic::resume_unwind(Box::new(error));
    }
    panic!("{error}")
}
