struct Towers {
    left: ::illia::nn::Linear,
    right: ::illia::nn::Linear,
    head: ::illia::nn::Linear,
}
#[automatically_derived]
#[allow(unused_variables)]
impl ::core::fmt::Debug for Towers {
    fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        __f.debug_struct("Towers")
            .field("left", &self.left)
            .field("right", &self.right)
            .field("head", &self.head)
            .finish()
    }
}
#[automatically_derived]
#[allow(dead_code, clippy::all)]
impl Towers {
    /// The inputs' names and shapes, without the batch.
    const INPUTS: &'static [(&'static str, ::illia::Shape)] = <Self as ::illia::Net>::INPUTS;
    /// The outputs' names and shapes, without the batch.
    const OUTPUTS: &'static [(&'static str, ::illia::Shape)] = <Self as ::illia::Net>::OUTPUTS;
    /// A new net, whose variables are added to the path.
    ///
    /// # Panics
    /// With a sentence, where `try_new` is an error.
    #[track_caller]
    fn new(__path: &::illia::tch::nn::Path<'_>) -> Self {
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
    fn try_new(
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
    fn deterministic(__path: &::illia::tch::nn::Path<'_>) -> Self {
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
    fn forward(
        &self,
        user: &::illia::tch::Tensor,
        item: &::illia::tch::Tensor,
    ) -> ::illia::tch::Tensor {
        ::illia::__private::or_fail(self.try_forward_t(user, item, false))
    }
    /// The same; dropout and batch norms are in training mode if asked for.
    ///
    /// # Panics
    /// With the layer, the expected and the given shape, where `try_forward` is an error.
    #[track_caller]
    fn forward_t(
        &self,
        user: &::illia::tch::Tensor,
        item: &::illia::tch::Tensor,
        __train: bool,
    ) -> ::illia::tch::Tensor {
        ::illia::__private::or_fail(self.try_forward_t(user, item, __train))
    }
    /// `forward`, with its errors.
    ///
    /// # Errors
    /// `Error::Shape` for another shape; what the layers return, with their names.
    fn try_forward(
        &self,
        user: &::illia::tch::Tensor,
        item: &::illia::tch::Tensor,
    ) -> ::core::result::Result<::illia::tch::Tensor, ::illia::Error> {
        self.try_forward_t(user, item, false)
    }
    /// `forward_t`, with its errors.
    ///
    /// # Errors
    /// As `try_forward`.
    fn try_forward_t(
        &self,
        user: &::illia::tch::Tensor,
        item: &::illia::tch::Tensor,
        __train: bool,
    ) -> ::core::result::Result<::illia::tch::Tensor, ::illia::Error> {
        let [__output0] = ::illia::__private::outputs::<
            1usize,
        >(
            "Towers",
            <Self as ::illia::Net>::try_forward_all(self, &[user, item], __train)?,
        )?;
        ::core::result::Result::Ok(__output0)
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
impl ::illia::Net for Towers {
    type Arguments = ::illia::NoArguments;
    const INPUT: ::illia::Shape = ::illia::Shape::new(&[::illia::Axis::Fixed(6)]);
    const OUTPUT: ::illia::Shape = ::illia::Shape::new(&[::illia::Axis::Fixed(1)]);
    const INPUTS: &'static [(&'static str, ::illia::Shape)] = &[
        ("user", ::illia::Shape::new(&[::illia::Axis::Fixed(6)])),
        ("item", ::illia::Shape::new(&[::illia::Axis::Fixed(4)])),
    ];
    fn make(
        __path: &::illia::tch::nn::Path<'_>,
        __given: &::illia::Defaults,
        __arguments: Self::Arguments,
    ) -> ::core::result::Result<Self, ::illia::Error> {
        let __defaults = ::core::clone::Clone::clone(__given)
            .with_estimator(::illia::Estimator::LocalReparameterization)
            .with_posterior(::illia::Posterior::fan_in())
            .with_prior(::illia::Prior::Gaussian {
                mean: 0f64,
                std: 1.0,
            });
        use ::illia::__private;
        let __whole = __defaults;
        let __defaults = __whole.inner();
        let __left = __private::at(
            "left",
            ::illia::nn::Linear::try_new(
                &(__path / "left"),
                6,
                16,
                ::illia::nn::LinearConfig {
                    prior: __defaults.prior(),
                    posterior: __defaults.linear_posterior(),
                    estimator: __defaults.estimator(),
                    ..::core::default::Default::default()
                },
            ),
        )?;
        let __right = __private::at(
            "right",
            ::illia::nn::Linear::try_new(
                &(__path / "right"),
                4,
                16,
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
                32,
                1,
                ::illia::nn::LinearConfig {
                    prior: __defaults.prior(),
                    posterior: __defaults.linear_posterior(),
                    estimator: __defaults.estimator(),
                    ..::core::default::Default::default()
                },
            ),
        )?;
        ::core::result::Result::Ok(Towers {
            left: __left,
            right: __right,
            head: __head,
        })
    }
    fn try_forward_all(
        &self,
        __inputs: &[&::illia::tch::Tensor],
        __train: bool,
    ) -> ::core::result::Result<::std::vec::Vec<::illia::tch::Tensor>, ::illia::Error> {
        use ::illia::__private;
        let [__value_user, __value_item] = __private::inputs::<
            2usize,
        >("Towers", __inputs)?;
        let mut __axes = __private::Axes::new();
        __axes
            .input(
                "Towers (user)",
                ::illia::Shape::new(&[::illia::Axis::Fixed(6)]),
                &__value_user,
            )?;
        __axes
            .input(
                "Towers (item)",
                ::illia::Shape::new(&[::illia::Axis::Fixed(4)]),
                &__value_item,
            )?;
        let mut __x = __value_user.shallow_clone();
        __x = __value_user.shallow_clone();
        __x = __private::at("left", self.left.try_forward(&__x))?;
        __x = __private::at("left", __private::relu(&__x))?;
        let __value_u = __x.shallow_clone();
        __x = __value_item.shallow_clone();
        __x = __private::at("right", self.right.try_forward(&__x))?;
        __x = __private::at("right", __private::relu(&__x))?;
        let __value_v = __x.shallow_clone();
        __x = __value_u.shallow_clone();
        __x = __private::at(
            "2",
            __private::concat(
                ::illia::Shape::new(&[::illia::Axis::Fixed(32)]),
                &[__x.shallow_clone(), __value_v.shallow_clone()],
            ),
        )?;
        __x = __private::at("head", self.head.try_forward(&__x))?;
        ::core::result::Result::Ok(::std::vec::Vec::from([__x]))
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
impl ::illia::BayesianModule for Towers {
    fn visit<'__a>(&'__a self, __visitor: &mut ::illia::Visitor<'__a>) {
        __visitor.module("left", &self.left);
        __visitor.module("right", &self.right);
        __visitor.module("head", &self.head);
    }
    fn visit_mut(&mut self, __visitor: &mut ::illia::VisitorMut<'_>) {
        __visitor.module("left", &mut self.left);
        __visitor.module("right", &mut self.right);
        __visitor.module("head", &mut self.head);
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
            let [__value_user, __value_item] = __private::inputs::<
                2usize,
            >("Towers", __inputs)?;
            let mut __axes = __private::Axes::new();
            __axes
                .input(
                    "Towers",
                    ::illia::Shape::new(&[::illia::Axis::Fixed(6)]),
                    &__value_user,
                )?;
            __axes
                .input(
                    "Towers",
                    ::illia::Shape::new(&[::illia::Axis::Fixed(4)]),
                    &__value_item,
                )?;
            let mut __x = __value_user.shallow_clone();
            __x = __value_user.shallow_clone();
            __x = __private::layer("left", &self.left, &__x, ())?;
            __x = __private::at("left", __private::relu(&__x))?;
            let __value_u = __x.shallow_clone();
            __x = __value_item.shallow_clone();
            __x = __private::layer("right", &self.right, &__x, ())?;
            __x = __private::at("right", __private::relu(&__x))?;
            let __value_v = __x.shallow_clone();
            __x = __value_u.shallow_clone();
            __x = __private::at(
                "2",
                __private::concat(
                    ::illia::Shape::new(&[::illia::Axis::Fixed(32)]),
                    &[__x.shallow_clone(), __value_v.shallow_clone()],
                ),
            )?;
            __x = __private::layer("head", &self.head, &__x, ())?;
            ::core::result::Result::Ok([__x.shallow_clone()].to_vec())
        };
        ::core::option::Option::Some(__write())
    }
    fn structure(&self) -> ::core::option::Option<::illia::__private::Structure> {
        use ::illia::__private;
        ::core::option::Option::Some(
            __private::Structure::new(
                "Towers",
                &[
                    ("user", __private::Shape::new(&[__private::Axis::Fixed(6)])),
                    ("item", __private::Shape::new(&[__private::Axis::Fixed(4)])),
                ],
                &[("", __private::Shape::new(&[__private::Axis::Fixed(1)]))],
                ::std::vec![
                    __private::row("left", "Linear", __private::Shape::new(&
                    [__private::Axis::Fixed(16)]), & self.left), __private::row("right",
                    "Linear", __private::Shape::new(& [__private::Axis::Fixed(16)]), &
                    self.right), __private::Row::new("2", "concat",
                    __private::Shape::new(& [__private::Axis::Fixed(32)])),
                    __private::row("head", "Linear", __private::Shape::new(&
                    [__private::Axis::Fixed(1)]), & self.head)
                ],
                &[
                    (0, 0, "relu", &[(0, "user")]),
                    (1, 1, "relu", &[(1, "item")]),
                    (2, 2, "concat", &[(2, "u"), (3, "v")]),
                    (3, 3, "", &[(4, "")]),
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
#[allow(unused_variables)]
impl ::core::fmt::Display for Towers {
    fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        ::illia::__private::summary(__f, ::illia::BayesianModule::structure(self))
    }
}
