#[derive(::core::fmt::Debug)]
pub struct LeNet<const CLASSES: i64> {
    conv1: ::illia::nn::Conv2d,
    conv2: ::illia::nn::Conv2d,
    fc1: ::illia::nn::Linear,
    fc2: ::illia::nn::Linear,
    head: ::illia::nn::Linear,
}
#[automatically_derived]
#[allow(dead_code, clippy::all)]
impl<const CLASSES: i64> LeNet<CLASSES> {
    /// The shape of one example, without the batch.
    pub const INPUT: ::illia::Shape = <Self as ::illia::Net>::INPUT;
    /// The shape of what comes out for one example.
    pub const OUTPUT: ::illia::Shape = <Self as ::illia::Net>::OUTPUT;
    /// A new net, whose variables are added to `p`.
    ///
    /// # Panics
    /// With a sentence, where `try_new` is an error.
    #[track_caller]
    pub fn new(p: &::illia::tch::nn::Path<'_>) -> Self {
        ::illia::__private::with(p, &|posterior| posterior)
    }
    /// A new net, whose variables are added to `p`.
    ///
    /// # Errors
    /// `Error::Configuration` for a number outside of its range.
    pub fn try_new(
        p: &::illia::tch::nn::Path<'_>,
    ) -> ::core::result::Result<Self, ::illia::Error> {
        <Self as ::illia::Net>::try_with(p, &|posterior| posterior)
    }
    /// The deterministic twin: the same net with plain weights.
    ///
    /// # Panics
    /// As `new`.
    #[track_caller]
    pub fn deterministic(p: &::illia::tch::nn::Path<'_>) -> Self {
        ::illia::__private::with(p, &::illia::Posterior::into_deterministic)
    }
    /// `[batch, INPUT..]` to `[batch, OUTPUT..]`, in evaluation mode.
    ///
    /// # Panics
    /// With the layer, the expected and the given shape, where `try_forward` is an error.
    #[track_caller]
    pub fn forward(&self, x: &::illia::tch::Tensor) -> ::illia::tch::Tensor {
        ::illia::__private::forward_t(self, x, false)
    }
    /// The same; dropout and batch norms are in training mode if `train`.
    ///
    /// # Panics
    /// With the layer, the expected and the given shape, where `try_forward` is an error.
    #[track_caller]
    pub fn forward_t(
        &self,
        x: &::illia::tch::Tensor,
        train: bool,
    ) -> ::illia::tch::Tensor {
        ::illia::__private::forward_t(self, x, train)
    }
    /// `forward`, with its errors.
    ///
    /// # Errors
    /// `Error::Shape` for another shape; what the layers return, with their names.
    pub fn try_forward(
        &self,
        x: &::illia::tch::Tensor,
    ) -> ::core::result::Result<::illia::tch::Tensor, ::illia::Error> {
        <Self as ::illia::Net>::try_forward_t(self, x, false)
    }
    /// `forward_t`, with its errors.
    ///
    /// # Errors
    /// As `try_forward`.
    pub fn try_forward_t(
        &self,
        x: &::illia::tch::Tensor,
        train: bool,
    ) -> ::core::result::Result<::illia::tch::Tensor, ::illia::Error> {
        <Self as ::illia::Net>::try_forward_t(self, x, train)
    }
}
#[automatically_derived]
#[allow(
    trivial_numeric_casts,
    unused_variables,
    unused_mut,
    unused_parens,
    unused_braces,
    clippy::all
)]
impl<const CLASSES: i64> ::illia::Net for LeNet<CLASSES> {
    const INPUT: ::illia::Shape = ::illia::Shape::new(
        &[::illia::Axis::Fixed(1), ::illia::Axis::Fixed(28), ::illia::Axis::Fixed(28)],
    );
    const OUTPUT: ::illia::Shape = ::illia::Shape::new(&[::illia::Axis::Fixed(CLASSES)]);
    const CHECKED: () = {
        ::illia::__private::is_size(CLASSES);
        ::illia::__private::is_size(CLASSES);
        ::illia::__private::is_size(CLASSES);
    };
    fn try_with(
        p: &::illia::tch::nn::Path<'_>,
        posterior: &dyn ::core::ops::Fn(::illia::Posterior) -> ::illia::Posterior,
    ) -> ::core::result::Result<Self, ::illia::Error> {
        const { <Self as ::illia::Net>::CHECKED };
        let conv1 = ::illia::nn::Conv2d::try_new(
            &(p / "conv1"),
            1,
            6,
            ::illia::nn::Size([5, 5]),
            ::illia::nn::ConvConfig {
                padding: ::illia::nn::Size([2, 2]),
                prior: ::illia::Prior::Gaussian {
                    mean: 0f64,
                    std: 0.1,
                },
                posterior: ::illia::Posterior::into_deterministic(
                    ::core::default::Default::default(),
                ),
                estimator: ::illia::Estimator::LocalReparameterization,
                ..::core::default::Default::default()
            },
        )?;
        let conv2 = ::illia::nn::Conv2d::try_new(
            &(p / "conv2"),
            6,
            (WIDTH as i64),
            ::illia::nn::Size([5, 5]),
            ::illia::nn::ConvConfig {
                prior: ::illia::Prior::Gaussian {
                    mean: 0f64,
                    std: 0.1,
                },
                posterior: posterior(::core::default::Default::default()),
                estimator: ::illia::Estimator::LocalReparameterization,
                ..::core::default::Default::default()
            },
        )?;
        let fc1 = ::illia::nn::Linear::try_new(
            &(p / "fc1"),
            ((WIDTH as i64) * 5 * 5),
            120,
            ::illia::nn::LinearConfig {
                prior: ::illia::Prior::Gaussian {
                    mean: 0f64,
                    std: 0.1,
                },
                posterior: posterior(::core::default::Default::default()),
                estimator: ::illia::Estimator::LocalReparameterization,
                ..::core::default::Default::default()
            },
        )?;
        let fc2 = ::illia::nn::Linear::try_new(
            &(p / "fc2"),
            120,
            84,
            ::illia::nn::LinearConfig {
                prior: ::illia::Prior::Gaussian {
                    mean: 0f64,
                    std: 0.1,
                },
                posterior: posterior(::core::default::Default::default()),
                estimator: ::illia::Estimator::LocalReparameterization,
                ..::core::default::Default::default()
            },
        )?;
        let head = ::illia::nn::Linear::try_new(
            &(p / "head"),
            84,
            CLASSES,
            ::illia::nn::LinearConfig {
                prior: ::illia::Prior::ScaleMixture {
                    pi: 0.5,
                    std1: 1.0,
                    std2: 0.0025,
                },
                posterior: posterior(::core::default::Default::default()),
                estimator: ::illia::Estimator::Flipout,
                ..::core::default::Default::default()
            },
        )?;
        ::core::result::Result::Ok(LeNet {
            conv1: conv1,
            conv2: conv2,
            fc1: fc1,
            fc2: fc2,
            head: head,
        })
    }
    fn try_forward_t(
        &self,
        x: &::illia::tch::Tensor,
        train: bool,
    ) -> ::core::result::Result<::illia::tch::Tensor, ::illia::Error> {
        ::illia::__private::Axes::of("LeNet", Self::INPUT, x)?;
        let mut x = x.shallow_clone();
        x = ::illia::__private::at("conv1", self.conv1.try_forward(&x))?;
        x = ::illia::__private::at("conv1", ::illia::__private::relu(&x))?;
        x = ::illia::__private::at(
            "conv1",
            ::illia::__private::max_pool(&x, &[2], &[2], &[0], &[1]),
        )?;
        x = ::illia::__private::at("conv2", self.conv2.try_forward(&x))?;
        x = ::illia::__private::at("conv2", ::illia::__private::relu(&x))?;
        x = ::illia::__private::at(
            "conv2",
            ::illia::__private::max_pool(&x, &[2], &[2], &[0], &[1]),
        )?;
        x = ::illia::__private::at("2", ::illia::__private::flatten(&x))?;
        x = ::illia::__private::at("fc1", self.fc1.try_forward(&x))?;
        x = ::illia::__private::at("fc1", ::illia::__private::relu(&x))?;
        x = ::illia::__private::at("fc1", ::illia::__private::dropout(&x, 0.25, train))?;
        x = ::illia::__private::at("fc2", self.fc2.try_forward(&x))?;
        x = ::illia::__private::at("fc2", ::illia::__private::relu(&x))?;
        x = ::illia::__private::at("head", self.head.try_forward(&x))?;
        ::core::result::Result::Ok(x)
    }
}
#[automatically_derived]
#[allow(trivial_numeric_casts, unused_variables, unused_parens, clippy::all)]
impl<const CLASSES: i64> ::illia::BayesianModule for LeNet<CLASSES> {
    fn visit<'__a>(&'__a self, visitor: &mut ::illia::Visitor<'__a>) {
        visitor.module("conv1", &self.conv1);
        visitor.module("conv2", &self.conv2);
        visitor.module("fc1", &self.fc1);
        visitor.module("fc2", &self.fc2);
        visitor.module("head", &self.head);
    }
    fn visit_mut(&mut self, visitor: &mut ::illia::VisitorMut<'_>) {
        visitor.module("conv1", &mut self.conv1);
        visitor.module("conv2", &mut self.conv2);
        visitor.module("fc1", &mut self.fc1);
        visitor.module("fc2", &mut self.fc2);
        visitor.module("head", &mut self.head);
    }
}
#[automatically_derived]
impl<const CLASSES: i64> ::illia::tch::nn::ModuleT for LeNet<CLASSES> {
    fn forward_t(&self, x: &::illia::tch::Tensor, train: bool) -> ::illia::tch::Tensor {
        ::illia::__private::forward_t(self, x, train)
    }
}
#[automatically_derived]
#[allow(trivial_numeric_casts, unused_variables, unused_parens, clippy::all)]
impl<const CLASSES: i64> ::core::fmt::Display for LeNet<CLASSES> {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        ::illia::__private::summary(
            f,
            "LeNet",
            Self::INPUT,
            Self::OUTPUT,
            &[
                ::illia::__private::Row::of(
                        "conv1",
                        "Conv2d",
                        ::illia::Shape::new(
                            &[
                                ::illia::Axis::Fixed(6),
                                ::illia::Axis::Fixed(28),
                                ::illia::Axis::Fixed(28),
                            ],
                        ),
                        &self.conv1,
                    )
                    .by(::illia::Estimator::LocalReparameterization),
                ::illia::__private::Row::new(
                    "",
                    "max_pool",
                    ::illia::Shape::new(
                        &[
                            ::illia::Axis::Fixed(6),
                            ::illia::Axis::Fixed(14),
                            ::illia::Axis::Fixed(14),
                        ],
                    ),
                ),
                ::illia::__private::Row::of(
                        "conv2",
                        "Conv2d",
                        ::illia::Shape::new(
                            &[
                                ::illia::Axis::Fixed((WIDTH as i64)),
                                ::illia::Axis::Fixed(10),
                                ::illia::Axis::Fixed(10),
                            ],
                        ),
                        &self.conv2,
                    )
                    .by(::illia::Estimator::LocalReparameterization),
                ::illia::__private::Row::new(
                    "",
                    "max_pool",
                    ::illia::Shape::new(
                        &[
                            ::illia::Axis::Fixed((WIDTH as i64)),
                            ::illia::Axis::Fixed(5),
                            ::illia::Axis::Fixed(5),
                        ],
                    ),
                ),
                ::illia::__private::Row::new(
                    "2",
                    "flatten",
                    ::illia::Shape::new(
                        &[::illia::Axis::Fixed(((WIDTH as i64) * 5 * 5))],
                    ),
                ),
                ::illia::__private::Row::of(
                        "fc1",
                        "Linear",
                        ::illia::Shape::new(&[::illia::Axis::Fixed(120)]),
                        &self.fc1,
                    )
                    .by(::illia::Estimator::LocalReparameterization),
                ::illia::__private::Row::of(
                        "fc2",
                        "Linear",
                        ::illia::Shape::new(&[::illia::Axis::Fixed(84)]),
                        &self.fc2,
                    )
                    .by(::illia::Estimator::LocalReparameterization),
                ::illia::__private::Row::of(
                        "head",
                        "Linear",
                        ::illia::Shape::new(&[::illia::Axis::Fixed(CLASSES)]),
                        &self.head,
                    )
                    .by(::illia::Estimator::Flipout),
            ],
        )
    }
}
#[allow(trivial_numeric_casts, unused_parens, unused_braces, dead_code, clippy::all)]
const _: () = {
    const _: () = {
        ::illia::__private::is_size(WIDTH);
        ::illia::__private::is_size(WIDTH * 25);
    };
    const _: () = ::illia::__private::require(
        (WIDTH as i64) >= 1,
        &::illia::__private::Message::new()
            .text("the output size of `Conv2d` must be at least 1, got ")
            .number((WIDTH as i64)),
    );
    const _: () = ::illia::__private::require(
        ((WIDTH * 25) as i64) >= 1,
        &::illia::__private::Message::new()
            .text("the input size of `Linear` must be at least 1, got ")
            .number(((WIDTH * 25) as i64)),
    );
    const _: () = ::illia::__private::require(
        !((WIDTH as i64) >= 1 && ((WIDTH * 25) as i64) >= 1)
            || (((WIDTH * 25) as i64) == ((WIDTH as i64) * 5 * 5)),
        &::illia::__private::Message::new()
            .text("`fc1` takes ")
            .number(((WIDTH * 25) as i64))
            .text(" features, but `flatten` gives ")
            .number(((WIDTH as i64) * 5 * 5))
            .text("; the input size can be left out: `Linear(output size)`"),
    );
};
