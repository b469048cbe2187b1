pub struct LeNet<const CLASSES: i64> {
    conv1: ::illia::nn::Conv2d,
    conv2: ::illia::nn::Conv2d,
    fc1: ::illia::nn::Linear,
    fc2: ::illia::nn::Linear,
    head: ::illia::nn::Linear,
}
#[automatically_derived]
#[allow(unused_variables)]
impl<const CLASSES: i64> ::core::fmt::Debug for LeNet<CLASSES> {
    fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        __f.debug_struct("LeNet")
            .field("conv1", &self.conv1)
            .field("conv2", &self.conv2)
            .field("fc1", &self.fc1)
            .field("fc2", &self.fc2)
            .field("head", &self.head)
            .finish()
    }
}
#[automatically_derived]
#[allow(dead_code, clippy::all)]
impl<const CLASSES: i64> LeNet<CLASSES> {
    /// The shape of one example, without the batch.
    pub const INPUT: ::illia::Shape = <Self as ::illia::Net>::INPUT;
    /// The shape of what comes out for one example.
    pub const OUTPUT: ::illia::Shape = <Self as ::illia::Net>::OUTPUT;
    /// A new net, whose variables are added to the path.
    ///
    /// # Panics
    /// With a sentence, where `try_new` is an error.
    #[track_caller]
    pub fn new(__path: &::illia::tch::nn::Path<'_>) -> Self {
        ::illia::__private::with(
            __path,
            &<::illia::Defaults as ::core::default::Default>::default(),
            ::illia::NoArguments {},
        )
    }
    /// A new net, whose variables are added to the path.
    ///
    /// # Errors
    /// A sentence that names the layer, for sizes that do not fit and numbers outside of their range; nothing is added
    /// then.
    pub fn try_new(
        __path: &::illia::tch::nn::Path<'_>,
    ) -> ::core::result::Result<Self, ::illia::Error> {
        <Self as ::illia::Net>::try_with(
            __path,
            &<::illia::Defaults as ::core::default::Default>::default(),
            ::illia::NoArguments {},
        )
    }
    /// The deterministic twin: the same net with plain weights.
    ///
    /// # Panics
    /// As `new`.
    #[track_caller]
    pub fn deterministic(__path: &::illia::tch::nn::Path<'_>) -> Self {
        ::illia::__private::with(
            __path,
            &<::illia::Defaults as ::core::default::Default>::default().deterministic(),
            ::illia::NoArguments {},
        )
    }
    /// Batches of inputs to batches of outputs, in evaluation mode.
    ///
    /// # Panics
    /// With the layer, the expected and the given shape, where `try_forward` is an error.
    #[track_caller]
    pub fn forward(&self, __input: &::illia::tch::Tensor) -> ::illia::tch::Tensor {
        ::illia::__private::or_fail(self.try_forward_t(__input, false))
    }
    /// The same; dropout and batch norms are in training mode if asked for.
    ///
    /// # Panics
    /// With the layer, the expected and the given shape, where `try_forward` is an error.
    #[track_caller]
    pub fn forward_t(
        &self,
        __input: &::illia::tch::Tensor,
        __train: bool,
    ) -> ::illia::tch::Tensor {
        ::illia::__private::or_fail(self.try_forward_t(__input, __train))
    }
    /// `forward`, with its errors.
    ///
    /// # Errors
    /// `Error::Shape` for another shape; what the layers return, with their names.
    pub fn try_forward(
        &self,
        __input: &::illia::tch::Tensor,
    ) -> ::core::result::Result<::illia::tch::Tensor, ::illia::Error> {
        self.try_forward_t(__input, false)
    }
    /// `forward_t`, with its errors.
    ///
    /// # Errors
    /// As `try_forward`.
    pub fn try_forward_t(
        &self,
        __input: &::illia::tch::Tensor,
        __train: bool,
    ) -> ::core::result::Result<::illia::tch::Tensor, ::illia::Error> {
        <Self as ::illia::Net>::try_forward_t(self, __input, __train)
    }
}
#[automatically_derived]
#[allow(
    trivial_numeric_casts,
    unused_imports,
    unused_variables,
    unused_mut,
    unused_assignments,
    unused_parens,
    unused_braces,
    clippy::all
)]
impl<const CLASSES: i64> ::illia::Net for LeNet<CLASSES> {
    type Arguments = ::illia::NoArguments;
    const INPUT: ::illia::Shape = ::illia::Shape::new(
        &[::illia::Axis::Fixed(1), ::illia::Axis::Fixed(28), ::illia::Axis::Fixed(28)],
    );
    const OUTPUT: ::illia::Shape = ::illia::Shape::new(&[::illia::Axis::Fixed(CLASSES)]);
    const CHECKED: () = {
        ::illia::__private::is_size(CLASSES);
        ::illia::__private::is_size(CLASSES);
        ::illia::__private::is_size(CLASSES);
        ::illia::__private::require(
            CLASSES >= 1,
            &::illia::__private::Message::new()
                .text("the output size of `Linear` must be at least 1, got ")
                .number(CLASSES),
        );
    };
    fn make(
        __path: &::illia::tch::nn::Path<'_>,
        __given: &::illia::Defaults,
        __arguments: Self::Arguments,
    ) -> ::core::result::Result<Self, ::illia::Error> {
        const { <Self as ::illia::Net>::CHECKED };
        let __defaults = ::core::clone::Clone::clone(__given)
            .with_prior(::illia::Prior::Gaussian {
                mean: 0f64,
                std: 0.1,
            })
            .with_estimator(::illia::Estimator::LocalReparameterization);
        use ::illia::__private;
        let __whole = __defaults;
        let __defaults = __whole.inner();
        let __conv1 = __private::at(
            "conv1",
            ::illia::nn::Conv2d::try_new(
                &(__path / "conv1"),
                1,
                6,
                ::illia::nn::Size([5, 5]),
                ::illia::nn::ConvConfig {
                    padding: ::illia::nn::Size([2, 2]),
                    prior: __defaults.deterministic().prior(),
                    posterior: __defaults.deterministic().posterior(),
                    estimator: __defaults.deterministic().estimator(),
                    ..::core::default::Default::default()
                },
            ),
        )?;
        let __conv2 = __private::at(
            "conv2",
            ::illia::nn::Conv2d::try_new(
                &(__path / "conv2"),
                6,
                (WIDTH as i64),
                ::illia::nn::Size([5, 5]),
                ::illia::nn::ConvConfig {
                    prior: __defaults.prior(),
                    posterior: __defaults.posterior(),
                    estimator: __defaults.estimator(),
                    ..::core::default::Default::default()
                },
            ),
        )?;
        let __fc1 = __private::at(
            "fc1",
            ::illia::nn::Linear::try_new(
                &(__path / "fc1"),
                ((WIDTH as i64) * 5 * 5),
                120,
                ::illia::nn::LinearConfig {
                    prior: __defaults.prior(),
                    posterior: __defaults.linear_posterior(),
                    estimator: __defaults.estimator(),
                    ..::core::default::Default::default()
                },
            ),
        )?;
        let __fc2 = __private::at(
            "fc2",
            ::illia::nn::Linear::try_new(
                &(__path / "fc2"),
                120,
                84,
                ::illia::nn::LinearConfig {
                    prior: __defaults.prior(),
                    posterior: __defaults.linear_posterior(),
                    estimator: __defaults.estimator(),
                    ..::core::default::Default::default()
                },
            ),
        )?;
        let __defaults = __whole;
        let __head = __private::at(
            "head",
            ::illia::nn::Linear::try_new(
                &(__path / "head"),
                84,
                CLASSES,
                ::illia::nn::LinearConfig {
                    prior: ::illia::Prior::ScaleMixture {
                        pi: 0.5,
                        std1: 1.0,
                        std2: 0.0025,
                    },
                    posterior: __defaults.linear_posterior(),
                    estimator: ::illia::Estimator::Flipout,
                    ..::core::default::Default::default()
                },
            ),
        )?;
        ::core::result::Result::Ok(LeNet {
            conv1: __conv1,
            conv2: __conv2,
            fc1: __fc1,
            fc2: __fc2,
            head: __head,
        })
    }
    fn try_forward_t(
        &self,
        __input: &::illia::tch::Tensor,
        __train: bool,
    ) -> ::core::result::Result<::illia::tch::Tensor, ::illia::Error> {
        use ::illia::__private;
        __private::Axes::of("LeNet", Self::INPUT, __input)?;
        let mut __x = __input.shallow_clone();
        __x = __private::at("conv1", self.conv1.try_forward(&__x))?;
        __x = __private::at("conv1", __private::relu(&__x))?;
        __x = __private::at("conv1", __private::max_pool(&__x, &[2], &[2], &[0], &[1]))?;
        __x = __private::at("conv2", self.conv2.try_forward(&__x))?;
        __x = __private::at("conv2", __private::relu(&__x))?;
        __x = __private::at("conv2", __private::max_pool(&__x, &[2], &[2], &[0], &[1]))?;
        __x = __private::at("2", __private::flatten(&__x))?;
        __x = __private::at("fc1", self.fc1.try_forward(&__x))?;
        __x = __private::at("fc1", __private::relu(&__x))?;
        __x = __private::at("fc1", __private::dropout(&__x, 0.25, __train))?;
        __x = __private::at("fc2", self.fc2.try_forward(&__x))?;
        __x = __private::at("fc2", __private::relu(&__x))?;
        __x = __private::at("head", self.head.try_forward(&__x))?;
        ::core::result::Result::Ok(__x)
    }
}
#[automatically_derived]
#[allow(
    trivial_numeric_casts,
    unused_imports,
    unused_variables,
    unused_mut,
    unused_assignments,
    unused_parens,
    unused_braces,
    clippy::all
)]
impl<const CLASSES: i64> ::illia::BayesianModule for LeNet<CLASSES> {
    fn visit<'__a>(&'__a self, __visitor: &mut ::illia::Visitor<'__a>) {
        __visitor.module("conv1", &self.conv1);
        __visitor.module("conv2", &self.conv2);
        __visitor.module("fc1", &self.fc1);
        __visitor.module("fc2", &self.fc2);
        __visitor.module("head", &self.head);
    }
    fn visit_mut(&mut self, __visitor: &mut ::illia::VisitorMut<'_>) {
        __visitor.module("conv1", &mut self.conv1);
        __visitor.module("conv2", &mut self.conv2);
        __visitor.module("fc1", &mut self.fc1);
        __visitor.module("fc2", &mut self.fc2);
        __visitor.module("head", &mut self.head);
    }
    fn try_forward_module(
        &self,
        __input: &::illia::tch::Tensor,
        __train: bool,
    ) -> ::core::option::Option<
        ::core::result::Result<::illia::tch::Tensor, ::illia::Error>,
    > {
        ::core::option::Option::Some(
            <Self as ::illia::Net>::try_forward_t(self, __input, __train),
        )
    }
    fn in_graph(
        &self,
        __inputs: &[&::illia::export::Value],
    ) -> ::core::option::Option<
        ::core::result::Result<::std::vec::Vec<::illia::export::Value>, ::illia::Error>,
    > {
        let __write = || -> ::core::result::Result<
            ::std::vec::Vec<::illia::export::Value>,
            ::illia::Error,
        > {
            use ::illia::__private::graph as __private;
            let __train = false;
            let [__input0] = __private::inputs::<1usize>("LeNet", __inputs)?;
            let mut __axes = __private::Axes::new();
            __axes
                .input(
                    "LeNet",
                    ::illia::Shape::new(
                        &[
                            ::illia::Axis::Fixed(1),
                            ::illia::Axis::Fixed(28),
                            ::illia::Axis::Fixed(28),
                        ],
                    ),
                    &__input0,
                )?;
            let mut __x = __input0.shallow_clone();
            __x = __private::layer("conv1", &self.conv1, &__x, ())?;
            __x = __private::at("conv1", __private::relu(&__x))?;
            __x = __private::at(
                "conv1",
                __private::max_pool(&__x, &[2], &[2], &[0], &[1]),
            )?;
            __x = __private::layer("conv2", &self.conv2, &__x, ())?;
            __x = __private::at("conv2", __private::relu(&__x))?;
            __x = __private::at(
                "conv2",
                __private::max_pool(&__x, &[2], &[2], &[0], &[1]),
            )?;
            __x = __private::at("2", __private::flatten(&__x))?;
            __x = __private::layer("fc1", &self.fc1, &__x, ())?;
            __x = __private::at("fc1", __private::relu(&__x))?;
            __x = __private::at("fc1", __private::dropout(&__x, 0.25, __train))?;
            __x = __private::layer("fc2", &self.fc2, &__x, ())?;
            __x = __private::at("fc2", __private::relu(&__x))?;
            __x = __private::layer("head", &self.head, &__x, ())?;
            ::core::result::Result::Ok([__x.shallow_clone()].to_vec())
        };
        ::core::option::Option::Some(__write())
    }
    fn structure(&self) -> ::core::option::Option<::illia::__private::Structure> {
        use ::illia::__private;
        ::core::option::Option::Some(
            __private::Structure::new(
                "LeNet",
                &[
                    (
                        "",
                        __private::Shape::new(
                            &[
                                __private::Axis::Fixed(1),
                                __private::Axis::Fixed(28),
                                __private::Axis::Fixed(28),
                            ],
                        ),
                    ),
                ],
                &[("", __private::Shape::new(&[__private::Axis::Fixed(CLASSES)]))],
                ::std::vec![
                    __private::row("conv1", "Conv2d", __private::Shape::new(&
                    [__private::Axis::Fixed(6), __private::Axis::Fixed(28),
                    __private::Axis::Fixed(28)]), & self.conv1), __private::Row::new("",
                    "max_pool", __private::Shape::new(& [__private::Axis::Fixed(6),
                    __private::Axis::Fixed(14), __private::Axis::Fixed(14)])),
                    __private::row("conv2", "Conv2d", __private::Shape::new(&
                    [__private::Axis::Fixed((WIDTH as i64)), __private::Axis::Fixed(10),
                    __private::Axis::Fixed(10)]), & self.conv2), __private::Row::new("",
                    "max_pool", __private::Shape::new(& [__private::Axis::Fixed((WIDTH as
                    i64)), __private::Axis::Fixed(5), __private::Axis::Fixed(5)])),
                    __private::Row::new("2", "flatten", __private::Shape::new(&
                    [__private::Axis::Fixed(((WIDTH as i64) * 5 * 5))])),
                    __private::row("fc1", "Linear", __private::Shape::new(&
                    [__private::Axis::Fixed(120)]), & self.fc1), __private::row("fc2",
                    "Linear", __private::Shape::new(& [__private::Axis::Fixed(84)]), &
                    self.fc2), __private::row("head", "Linear", __private::Shape::new(&
                    [__private::Axis::Fixed(CLASSES)]), & self.head)
                ],
                &[
                    (0, 1, "relu, max_pool", &[(0, "")]),
                    (2, 4, "relu, max_pool, flatten", &[(1, "")]),
                    (5, 5, "relu, dropout", &[(2, "")]),
                    (6, 6, "relu", &[(3, "")]),
                    (7, 7, "", &[(4, "")]),
                ],
                &[&[(5, "")]],
            ),
        )
    }
    fn per_example(&self) -> bool {
        true
    }
}
#[automatically_derived]
impl<const CLASSES: i64> ::illia::tch::nn::ModuleT for LeNet<CLASSES> {
    fn forward_t(
        &self,
        __input: &::illia::tch::Tensor,
        __train: bool,
    ) -> ::illia::tch::Tensor {
        ::illia::__private::or_fail(
            <Self as ::illia::Net>::try_forward_t(self, __input, __train),
        )
    }
}
#[automatically_derived]
#[allow(unused_variables)]
impl<const CLASSES: i64> ::core::fmt::Display for LeNet<CLASSES> {
    fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        ::illia::__private::summary(__f, ::illia::BayesianModule::structure(self))
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
