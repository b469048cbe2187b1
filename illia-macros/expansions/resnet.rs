pub struct Net {
    stem: ::illia::nn::Conv2d,
    blocks: [__NetInner0; 3],
    widen: ::illia::nn::Conv2d,
    project: ::illia::nn::Conv2d,
    near: ::illia::nn::Conv2d,
    far: ::illia::nn::Conv2d,
    hidden: ::std::vec::Vec<::illia::nn::Linear>,
    head: ::illia::nn::Linear,
}
#[automatically_derived]
#[allow(unused_variables)]
impl ::core::fmt::Debug for Net {
    fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        __f.debug_struct("Net")
            .field("stem", &self.stem)
            .field(
                "blocks",
                &::core::fmt::from_fn(|__f| {
                    __f
                        .debug_list()
                        .entries(
                            (&self.blocks)
                                .iter()
                                .map(|__each| ::core::fmt::from_fn(move |__f| (__Net_inner0
                                    .debug)(__each, __f))),
                        )
                        .finish()
                }),
            )
            .field("widen", &self.widen)
            .field("project", &self.project)
            .field("near", &self.near)
            .field("far", &self.far)
            .field("hidden", &self.hidden)
            .field("head", &self.head)
            .finish()
    }
}
#[allow(non_camel_case_types, type_alias_bounds, dead_code)]
type __NetInner0 = Block<8>;
#[allow(non_upper_case_globals, dead_code)]
const __Net_inner0: ::illia::__private::NetOf<__NetInner0> = ::illia::__private::net_of::<
    __NetInner0,
>();
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_shape0: ::illia::Shape = ::illia::__private::through(
    ::illia::__private::port(__Net_inner0.inputs, 0),
    ::illia::__private::port(__Net_inner0.outputs, 0),
    ::illia::Shape::new(
        &[::illia::Axis::Fixed(8), ::illia::Axis::Fixed(8), ::illia::Axis::Fixed(8)],
    ),
);
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_shape1: ::illia::Shape = ::illia::__private::windowed(
    __Net_shape0,
    16,
    &[3, 3],
    &[1, 1],
    &[1, 1],
    &[1, 1],
);
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_shape2: ::illia::Shape = ::illia::__private::windowed(
    __Net_shape0,
    16,
    &[1, 1],
    &[1, 1],
    &[0, 0],
    &[1, 1],
);
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_shape3: ::illia::Shape = ::illia::__private::windowed(
    __Net_shape1,
    4,
    &[1, 1],
    &[1, 1],
    &[0, 0],
    &[1, 1],
);
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_shape4: ::illia::Shape = ::illia::__private::windowed(
    __Net_shape1,
    4,
    &[5, 5],
    &[1, 1],
    &[2, 2],
    &[1, 1],
);
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_shape5: ::illia::Shape = ::illia::__private::joined(
    __Net_shape3,
    __Net_shape4,
);
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_shape6: ::illia::Shape = ::illia::__private::first_only(__Net_shape5);
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_shape7: ::illia::Shape = ::illia::__private::with_last(__Net_shape6, 8);
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_shape8: ::illia::Shape = ::illia::__private::with_last(__Net_shape7, 10);
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_sound0: bool = (!__Net_inner0.takes_arguments)
    && (::illia::__private::is_single(__Net_inner0.inputs, __Net_inner0.outputs))
    && (::illia::__private::accepts(
        ::illia::__private::port(__Net_inner0.inputs, 0),
        ::illia::Shape::new(
            &[::illia::Axis::Fixed(8), ::illia::Axis::Fixed(8), ::illia::Axis::Fixed(8)],
        ),
    ))
    && (::illia::__private::accepts(
        ::illia::__private::port(__Net_inner0.inputs, 0),
        __Net_shape0,
    ));
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_sound1: bool = __Net_sound0 && (__Net_shape0.rank() == 3usize)
    && (__Net_shape0.size(0) > 0)
    && (::illia::__private::positive(
        ::illia::__private::windowed(
            __Net_shape0,
            16,
            &[3, 3],
            &[1, 1],
            &[1, 1],
            &[1, 1],
        ),
    ));
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_sound2: bool = __Net_sound0 && (__Net_shape0.rank() == 3usize)
    && (__Net_shape0.size(0) > 0)
    && (::illia::__private::positive(
        ::illia::__private::windowed(
            __Net_shape0,
            16,
            &[3, 3],
            &[1, 1],
            &[1, 1],
            &[1, 1],
        ),
    ))
    && (::illia::__private::positive(
        ::illia::__private::windowed(
            __Net_shape0,
            16,
            &[1, 1],
            &[1, 1],
            &[0, 0],
            &[1, 1],
        ),
    )) && __Net_sound1 && (__Net_shape2.same(&__Net_shape1));
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_sound3: bool = __Net_sound1 && __Net_sound2
    && (__Net_shape1.rank() == 3usize) && (__Net_shape1.size(0) > 0)
    && (::illia::__private::positive(
        ::illia::__private::windowed(__Net_shape1, 4, &[1, 1], &[1, 1], &[0, 0], &[1, 1]),
    ));
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_sound4: bool = __Net_sound1 && __Net_sound2
    && (__Net_shape1.rank() == 3usize) && (__Net_shape1.size(0) > 0)
    && (::illia::__private::positive(
        ::illia::__private::windowed(__Net_shape1, 4, &[5, 5], &[1, 1], &[2, 2], &[1, 1]),
    ));
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_sound5: bool = __Net_sound1 && __Net_sound2 && __Net_sound3 && __Net_sound4
    && (__Net_shape1.rank() == 3usize) && (__Net_shape1.size(0) > 0)
    && (::illia::__private::positive(
        ::illia::__private::windowed(__Net_shape1, 4, &[1, 1], &[1, 1], &[0, 0], &[1, 1]),
    ))
    && (::illia::__private::positive(
        ::illia::__private::windowed(__Net_shape1, 4, &[5, 5], &[1, 1], &[2, 2], &[1, 1]),
    )) && (::illia::__private::joinable(__Net_shape3, __Net_shape4));
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_sound6: bool = __Net_sound5 && (__Net_shape5.rank() >= 2);
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_sound7: bool = __Net_sound6 && (__Net_shape6.last() > 0);
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_sound8: bool = __Net_sound6 && (__Net_shape6.same(&__Net_shape7))
    && (__Net_shape6.last() > 0);
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_sound9: bool = __Net_sound7 && __Net_sound8 && (__Net_shape7.last() > 0);
#[automatically_derived]
#[allow(dead_code, clippy::all)]
impl Net {
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
impl ::illia::Net for Net {
    type Arguments = ::illia::NoArguments;
    const INPUT: ::illia::Shape = ::illia::Shape::new(
        &[::illia::Axis::Fixed(1), ::illia::Axis::Fixed(8), ::illia::Axis::Fixed(8)],
    );
    const OUTPUT: ::illia::Shape = ::illia::Shape::new(&[::illia::Axis::Fixed(10)]);
    const CHECKED: () = {
        let () = __Net_inner0.checked;
    };
    fn make(
        __path: &::illia::tch::nn::Path<'_>,
        __given: &::illia::Defaults,
        __arguments: Self::Arguments,
    ) -> ::core::result::Result<Self, ::illia::Error> {
        const { <Self as ::illia::Net>::CHECKED };
        let __defaults = ::core::clone::Clone::clone(__given);
        use ::illia::__private;
        let __whole = __defaults;
        let __defaults = __whole.inner();
        let __stem = __private::at(
            "stem",
            ::illia::nn::Conv2d::try_new(
                &(__path / "stem"),
                1,
                8,
                ::illia::nn::Size([3, 3]),
                ::illia::nn::ConvConfig {
                    padding: ::illia::nn::Size([1, 1]),
                    prior: __defaults.prior(),
                    posterior: __defaults.posterior(),
                    estimator: __defaults.estimator(),
                    ..::core::default::Default::default()
                },
            ),
        )?;
        let __blocks = __private::at(
            "blocks",
            __private::array(
                &(__path / "blocks"),
                |__path| (__Net_inner0.make)(__path, &__defaults),
            ),
        )?;
        let __widen = __private::at(
            "2.widen",
            ::illia::nn::Conv2d::try_new(
                &(__path / "2" / "widen"),
                __Net_shape0.size(0),
                16,
                ::illia::nn::Size([3, 3]),
                ::illia::nn::ConvConfig {
                    padding: ::illia::nn::Size([1, 1]),
                    prior: __defaults.prior(),
                    posterior: __defaults.posterior(),
                    estimator: __defaults.estimator(),
                    ..::core::default::Default::default()
                },
            ),
        )?;
        let __project = __private::at(
            "2.project",
            ::illia::nn::Conv2d::try_new(
                &(__path / "2" / "project"),
                __Net_shape0.size(0),
                16,
                ::illia::nn::Size([1, 1]),
                ::illia::nn::ConvConfig {
                    prior: __defaults.prior(),
                    posterior: __defaults.posterior(),
                    estimator: __defaults.estimator(),
                    ..::core::default::Default::default()
                },
            ),
        )?;
        let __near = __private::at(
            "3.0.near",
            ::illia::nn::Conv2d::try_new(
                &(__path / "3" / "0" / "near"),
                __Net_shape1.size(0),
                4,
                ::illia::nn::Size([1, 1]),
                ::illia::nn::ConvConfig {
                    prior: __defaults.prior(),
                    posterior: __defaults.posterior(),
                    estimator: __defaults.estimator(),
                    ..::core::default::Default::default()
                },
            ),
        )?;
        let __far = __private::at(
            "3.1.far",
            ::illia::nn::Conv2d::try_new(
                &(__path / "3" / "1" / "far"),
                __Net_shape1.size(0),
                4,
                ::illia::nn::Size([5, 5]),
                ::illia::nn::ConvConfig {
                    padding: ::illia::nn::Size([2, 2]),
                    prior: __defaults.prior(),
                    posterior: __defaults.posterior(),
                    estimator: __defaults.estimator(),
                    ..::core::default::Default::default()
                },
            ),
        )?;
        let __hidden = __private::repeat(
            2,
            |i1| __private::at(
                "5.hidden",
                ::illia::nn::Linear::try_new(
                    &(__path / "5" / i1 / "hidden"),
                    __Net_shape6.last(),
                    8,
                    ::illia::nn::LinearConfig {
                        prior: __defaults.prior(),
                        posterior: __defaults.linear_posterior(),
                        estimator: __defaults.estimator(),
                        ..::core::default::Default::default()
                    },
                ),
            ),
        )?;
        let __defaults = __whole;
        let __head = __private::at(
            "head",
            ::illia::nn::Linear::try_new(
                &(__path / "head"),
                __Net_shape7.last(),
                10,
                ::illia::nn::LinearConfig {
                    prior: __defaults.prior(),
                    posterior: __defaults.linear_posterior(),
                    estimator: __defaults.estimator(),
                    ..::core::default::Default::default()
                },
            ),
        )?;
        ::core::result::Result::Ok(Net {
            stem: __stem,
            blocks: __blocks,
            widen: __widen,
            project: __project,
            near: __near,
            far: __far,
            hidden: __hidden,
            head: __head,
        })
    }
    fn try_forward_t(
        &self,
        __input: &::illia::tch::Tensor,
        __train: bool,
    ) -> ::core::result::Result<::illia::tch::Tensor, ::illia::Error> {
        use ::illia::__private;
        __private::Axes::of("Net", Self::INPUT, __input)?;
        let mut __x = __input.shallow_clone();
        __x = __private::at("stem", self.stem.try_forward(&__x))?;
        __x = __private::at("stem", __private::relu(&__x))?;
        for __block in &self.blocks {
            __x = __private::at(
                "blocks",
                (__Net_inner0.forward)(__block, &__x, __train),
            )?;
        }
        {
            let __skip = __private::at("2.project", self.project.try_forward(&__x))?;
            __x = __private::at("2.widen", self.widen.try_forward(&__x))?;
            __x = __private::at("2.widen", __private::relu(&__x))?;
            __x = __private::add(&__skip, &__x)?;
        }
        __x = __private::concat(
            __Net_shape5,
            &[
                {
                    let mut __x = __x.shallow_clone();
                    __x = __private::at("3.0.near", self.near.try_forward(&__x))?;
                    __x
                },
                {
                    let mut __x = __x.shallow_clone();
                    __x = __private::at("3.1.far", self.far.try_forward(&__x))?;
                    __x = __private::at("3.1.far", __private::relu(&__x))?;
                    __x
                },
            ],
        )?;
        __x = __private::at("4", __private::global_avg_pool(&__x))?;
        for i1 in 0..2 {
            __x = __private::at("5.hidden", self.hidden[i1].try_forward(&__x))?;
            __x = __private::at("5.hidden", __private::tanh(&__x))?;
        }
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
impl ::illia::BayesianModule for Net {
    fn visit<'__a>(&'__a self, __visitor: &mut ::illia::Visitor<'__a>) {
        __visitor.module("stem", &self.stem);
        __visitor.module("blocks", &self.blocks);
        __visitor.module("2.project", &self.project);
        __visitor.module("2.widen", &self.widen);
        __visitor.module("3.0.near", &self.near);
        __visitor.module("3.1.far", &self.far);
        for i1 in 0..2 {
            __visitor.module(&::std::format!("5.{}.hidden", i1), &self.hidden[i1]);
        }
        __visitor.module("head", &self.head);
    }
    fn visit_mut(&mut self, __visitor: &mut ::illia::VisitorMut<'_>) {
        __visitor.module("stem", &mut self.stem);
        __visitor.module("blocks", &mut self.blocks);
        __visitor.module("2.project", &mut self.project);
        __visitor.module("2.widen", &mut self.widen);
        __visitor.module("3.0.near", &mut self.near);
        __visitor.module("3.1.far", &mut self.far);
        for i1 in 0..2 {
            __visitor.module(&::std::format!("5.{}.hidden", i1), &mut self.hidden[i1]);
        }
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
            let [__input0] = __private::inputs::<1usize>("Net", __inputs)?;
            let mut __axes = __private::Axes::new();
            __axes
                .input(
                    "Net",
                    ::illia::Shape::new(
                        &[
                            ::illia::Axis::Fixed(1),
                            ::illia::Axis::Fixed(8),
                            ::illia::Axis::Fixed(8),
                        ],
                    ),
                    &__input0,
                )?;
            let mut __x = __input0.shallow_clone();
            __x = __private::layer("stem", &self.stem, &__x, ())?;
            __x = __private::at("stem", __private::relu(&__x))?;
            for __block in &self.blocks {
                __x = __private::at(
                    "blocks",
                    {
                        use __private::{Known as _, Unknown as _};
                        (&__private::Of(&*__block)).written(&__x)
                    },
                )?;
            }
            {
                let __skip = {
                    let mut __x = __x.shallow_clone();
                    __x = __private::layer("2.project", &self.project, &__x, ())?;
                    __x
                };
                __x = __private::layer("2.widen", &self.widen, &__x, ())?;
                __x = __private::at("2.widen", __private::relu(&__x))?;
                __x = __private::add(&__skip, &__x)?;
            }
            __x = __private::concat(
                __Net_shape5,
                &[
                    {
                        let mut __x = __x.shallow_clone();
                        __x = __private::layer("3.0.near", &self.near, &__x, ())?;
                        __x
                    },
                    {
                        let mut __x = __x.shallow_clone();
                        __x = __private::layer("3.1.far", &self.far, &__x, ())?;
                        __x = __private::at("3.1.far", __private::relu(&__x))?;
                        __x
                    },
                ],
            )?;
            __x = __private::at("4", __private::global_avg_pool(&__x))?;
            for i1 in 0..2 {
                __x = __private::layer("5.hidden", &self.hidden[i1], &__x, ())?;
                __x = __private::at("5.hidden", __private::tanh(&__x))?;
            }
            __x = __private::layer("head", &self.head, &__x, ())?;
            ::core::result::Result::Ok([__x.shallow_clone()].to_vec())
        };
        ::core::option::Option::Some(__write())
    }
    fn structure(&self) -> ::core::option::Option<::illia::__private::Structure> {
        use ::illia::__private;
        ::core::option::Option::Some(
            __private::Structure::new(
                "Net",
                &[
                    (
                        "",
                        __private::Shape::new(
                            &[
                                __private::Axis::Fixed(1),
                                __private::Axis::Fixed(8),
                                __private::Axis::Fixed(8),
                            ],
                        ),
                    ),
                ],
                &[("", __private::Shape::new(&[__private::Axis::Fixed(10)]))],
                ::std::vec![
                    __private::row("stem", "Conv2d", __private::Shape::new(&
                    [__private::Axis::Fixed(8), __private::Axis::Fixed(8),
                    __private::Axis::Fixed(8)]), & self.stem),
                    __private::Row::of("blocks", "3 × Block<8>", __Net_shape0, & self
                    .blocks), __private::row("2.widen", "Conv2d", __Net_shape1, & self
                    .widen), __private::row("2.project", "Conv2d", __Net_shape2, & self
                    .project), __private::row("3.0.near", "Conv2d", __Net_shape3, & self
                    .near), __private::row("3.1.far", "Conv2d", __Net_shape4, & self
                    .far), __private::Row::new("4", "global_avg_pool", __Net_shape6),
                    __private::row("5.hidden", "2 × Linear", __Net_shape7, & self
                    .hidden), __private::row("head", "Linear", __Net_shape8, & self.head)
                ],
                &[
                    (0, 0, "relu", &[(0, "")]),
                    (1, 1, "", &[(1, "")]),
                    (3, 3, "", &[(2, "")]),
                    (2, 2, "relu", &[(2, "")]),
                    (!0, !0, "add", &[(4, ""), (3, "")]),
                    (4, 4, "", &[(5, "")]),
                    (5, 5, "relu", &[(5, "")]),
                    (!0, 6, "concat, global_avg_pool", &[(6, ""), (7, "")]),
                    (7, 7, "tanh", &[(8, "")]),
                    (8, 8, "", &[(9, "")]),
                ],
                &[&[(10, "")]],
            ),
        )
    }
    fn per_example(&self) -> bool {
        ::illia::BayesianModule::per_example(&self.blocks)
    }
}
#[automatically_derived]
impl ::illia::tch::nn::ModuleT for Net {
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
impl ::core::fmt::Display for Net {
    fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        ::illia::__private::summary(__f, ::illia::BayesianModule::structure(self))
    }
}
#[allow(trivial_numeric_casts, unused_parens, unused_braces, dead_code, clippy::all)]
const _: () = {
    const _: () = ::illia::__private::require(
        !__Net_inner0.takes_arguments,
        &::illia::__private::Message::new()
            .text(
                "`Block<8>` is made with arguments, by their names: `Block<8>(size: ..)`",
            ),
    );
    const _: () = ::illia::__private::require(
        ::illia::__private::is_single(__Net_inner0.inputs, __Net_inner0.outputs),
        &::illia::__private::Message::new()
            .text(
                "`blocks` has several inputs or outputs: name what goes in, `blocks: Block<8>(input: value)`, and what comes out, `let (a, b) = blocks: Block<8>;`",
            ),
    );
    const _: () = ::illia::__private::require(
        ::illia::__private::accepts(
            ::illia::__private::port(__Net_inner0.inputs, 0),
            ::illia::Shape::new(
                &[
                    ::illia::Axis::Fixed(8),
                    ::illia::Axis::Fixed(8),
                    ::illia::Axis::Fixed(8),
                ],
            ),
        ),
        &::illia::__private::Message::new()
            .text("`blocks` takes ")
            .shape(::illia::__private::port(__Net_inner0.inputs, 0))
            .text(", but `stem` gives ")
            .shape(
                ::illia::Shape::new(
                    &[
                        ::illia::Axis::Fixed(8),
                        ::illia::Axis::Fixed(8),
                        ::illia::Axis::Fixed(8),
                    ],
                ),
            ),
    );
    const _: () = ::illia::__private::require(
        ::illia::__private::accepts(
            ::illia::__private::port(__Net_inner0.inputs, 0),
            __Net_shape0,
        ),
        &::illia::__private::Message::new()
            .text(
                "`blocks` is an array: each `Block<8>` must take what the one before gives, but it takes ",
            )
            .shape(::illia::__private::port(__Net_inner0.inputs, 0))
            .text(" and gives ")
            .shape(__Net_shape0),
    );
    const _: () = ::illia::__private::require(
        !(__Net_sound0) || (__Net_shape0.rank() == 3usize),
        &::illia::__private::Message::new()
            .text(
                "`widen` is a Conv2d and takes [channels, height, width], but `blocks` gives ",
            )
            .shape(__Net_shape0),
    );
    const _: () = ::illia::__private::require(
        !(__Net_sound0) || (__Net_shape0.size(0) > 0),
        &::illia::__private::Message::new()
            .text(
                "`widen` is a Conv2d over channels, the first axis, whose size must be known, but `blocks` gives ",
            )
            .shape(__Net_shape0),
    );
    const _: () = ::illia::__private::require(
        !(__Net_sound0)
            || (::illia::__private::positive(
                ::illia::__private::windowed(
                    __Net_shape0,
                    16,
                    &[3, 3],
                    &[1, 1],
                    &[1, 1],
                    &[1, 1],
                ),
            )),
        &::illia::__private::Message::new()
            .text("the kernel of `widen` is larger than its padded input, ")
            .shape(__Net_shape0),
    );
    const _: () = ::illia::__private::require(
        !(__Net_sound0) || (__Net_shape0.rank() == 3usize),
        &::illia::__private::Message::new()
            .text(
                "`project` is a Conv2d and takes [channels, height, width], but `blocks` gives ",
            )
            .shape(__Net_shape0),
    );
    const _: () = ::illia::__private::require(
        !(__Net_sound0) || (__Net_shape0.size(0) > 0),
        &::illia::__private::Message::new()
            .text(
                "`project` is a Conv2d over channels, the first axis, whose size must be known, but `blocks` gives ",
            )
            .shape(__Net_shape0),
    );
    const _: () = ::illia::__private::require(
        !(__Net_sound0)
            || (::illia::__private::positive(
                ::illia::__private::windowed(
                    __Net_shape0,
                    16,
                    &[1, 1],
                    &[1, 1],
                    &[0, 0],
                    &[1, 1],
                ),
            )),
        &::illia::__private::Message::new()
            .text("the kernel of `project` is larger than its padded input, ")
            .shape(__Net_shape0),
    );
    const _: () = ::illia::__private::require(
        !(__Net_sound1) || (__Net_shape2.same(&__Net_shape1)),
        &::illia::__private::Message::new()
            .text("the ends of a `residual` must be alike, but `project` gives ")
            .shape(__Net_shape2)
            .text(" and `widen` gives ")
            .shape(__Net_shape1),
    );
    const _: () = ::illia::__private::require(
        !(__Net_sound1 && __Net_sound2) || (__Net_shape1.rank() == 3usize),
        &::illia::__private::Message::new()
            .text(
                "`near` is a Conv2d and takes [channels, height, width], but the `residual` gives ",
            )
            .shape(__Net_shape1),
    );
    const _: () = ::illia::__private::require(
        !(__Net_sound1 && __Net_sound2) || (__Net_shape1.size(0) > 0),
        &::illia::__private::Message::new()
            .text(
                "`near` is a Conv2d over channels, the first axis, whose size must be known, but the `residual` gives ",
            )
            .shape(__Net_shape1),
    );
    const _: () = ::illia::__private::require(
        !(__Net_sound1 && __Net_sound2)
            || (::illia::__private::positive(
                ::illia::__private::windowed(
                    __Net_shape1,
                    4,
                    &[1, 1],
                    &[1, 1],
                    &[0, 0],
                    &[1, 1],
                ),
            )),
        &::illia::__private::Message::new()
            .text("the kernel of `near` is larger than its padded input, ")
            .shape(__Net_shape1),
    );
    const _: () = ::illia::__private::require(
        !(__Net_sound1 && __Net_sound2) || (__Net_shape1.rank() == 3usize),
        &::illia::__private::Message::new()
            .text(
                "`far` is a Conv2d and takes [channels, height, width], but the `residual` gives ",
            )
            .shape(__Net_shape1),
    );
    const _: () = ::illia::__private::require(
        !(__Net_sound1 && __Net_sound2) || (__Net_shape1.size(0) > 0),
        &::illia::__private::Message::new()
            .text(
                "`far` is a Conv2d over channels, the first axis, whose size must be known, but the `residual` gives ",
            )
            .shape(__Net_shape1),
    );
    const _: () = ::illia::__private::require(
        !(__Net_sound1 && __Net_sound2)
            || (::illia::__private::positive(
                ::illia::__private::windowed(
                    __Net_shape1,
                    4,
                    &[5, 5],
                    &[1, 1],
                    &[2, 2],
                    &[1, 1],
                ),
            )),
        &::illia::__private::Message::new()
            .text("the kernel of `far` is larger than its padded input, ")
            .shape(__Net_shape1),
    );
    const _: () = ::illia::__private::require(
        !(__Net_sound3 && __Net_sound4)
            || (::illia::__private::joinable(__Net_shape3, __Net_shape4)),
        &::illia::__private::Message::new()
            .text(
                "the branches of a `concat` may differ in their features alone, but `near` gives ",
            )
            .shape(__Net_shape3)
            .text(" and `far` gives ")
            .shape(__Net_shape4),
    );
    const _: () = ::illia::__private::require(
        !(__Net_sound5) || (__Net_shape5.rank() >= 2),
        &::illia::__private::Message::new()
            .text(
                "`global_avg_pool` takes [channels, spatial..], but the `concat` gives ",
            )
            .shape(__Net_shape5),
    );
    const _: () = ::illia::__private::require(
        !(__Net_sound6) || (__Net_shape6.same(&__Net_shape7)),
        &::illia::__private::Message::new()
            .text(
                "a `repeat` of 2 times must keep its shape, but `global_avg_pool` gives ",
            )
            .shape(__Net_shape6)
            .text(" and `hidden` gives ")
            .shape(__Net_shape7)
            .text("; put the step that changes it before the `repeat`"),
    );
    const _: () = ::illia::__private::require(
        !(__Net_sound6) || (__Net_shape6.last() > 0),
        &::illia::__private::Message::new()
            .text(
                "`hidden` is a Linear layer on the last axis, whose size must be known, but `global_avg_pool` gives ",
            )
            .shape(__Net_shape6),
    );
    const _: () = ::illia::__private::require(
        !(__Net_sound7 && __Net_sound8) || (__Net_shape7.last() > 0),
        &::illia::__private::Message::new()
            .text(
                "`head` is a Linear layer on the last axis, whose size must be known, but `hidden` gives ",
            )
            .shape(__Net_shape7),
    );
    const _: () = ::illia::__private::require(
        !(__Net_sound9)
            || (__Net_shape8.same(&::illia::Shape::new(&[::illia::Axis::Fixed(10)]))),
        &::illia::__private::Message::new()
            .text("the output of `Net` is [10], but `head` gives ")
            .shape(__Net_shape8),
    );
    const _: () = <Net as ::illia::Net>::CHECKED;
};
