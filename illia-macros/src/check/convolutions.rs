//! Convolutions on `[channels, spatial..]`, and the windows that slide there.

use proc_macro2::Span;
use quote::quote;
use syn::Ident;

use super::arguments::Reader;
use super::layers::Site;
use super::steps::Made;
use super::{Checker, State};
use crate::dim::{Cond, Const, Dim, Shape, computed};
use crate::model::{Make, Run};
use crate::say::{Say, with_article};
use crate::text::packed;

/// `channels` and so many spatial axes, in words.
pub fn wanted(axes: usize) -> &'static str {
    match axes {
        1 => "[channels, length]",
        2 => "[channels, height, width]",
        _ => "[channels, depth, height, width]",
    }
}

/// The settings of a window that slides.
pub struct Window {
    pub kernel: Vec<Dim>,
    pub stride: Vec<Dim>,
    pub padding: Vec<Dim>,
    pub dilation: Vec<Dim>,
}

impl Checker<'_> {
    /// A convolution, or a transposed one.
    pub fn convolution(&mut self, site: &Site, mut reader: Reader, axes: usize, transposed: bool) -> Made {
        let illia = self.illia.clone();
        let name = Ident::new(&reader.kind, site.kind.span());
        let ty = quote!(#illia::nn::#name);
        let who = site.who;
        let mut known = vec![
            "kernel",
            "stride",
            "padding",
            "dilation",
            "groups",
            "bias",
            "prior",
            "posterior",
            "estimator",
            "bias_prior",
            "lora",
        ];
        if transposed {
            known.insert(3, "output_padding");
        }
        self.known_arguments(&mut reader, 1, &known);
        let (outputs, stated) = self.output_size(&reader, &format!("{who}: {name}(16, kernel: 3)"));
        let window = self.window(&reader, site, axes);
        let added = self.named_sizes(&reader, "output_padding", axes, 0, 0);
        let groups = self.named_size(&reader, "groups", 1);
        let bias = self.setting(&reader, "bias");
        let families = self.families(site, &reader, true);
        let fits = self.rank(site, axes + 1, wanted(axes));
        let (true, Some(outputs), Some(window), Ok(added)) = (fits, outputs, window, added) else {
            return Made::broken(ty, Shape::Unknown(None));
        };
        let inputs = self.channels(site, stated.as_ref().map(|(_, dim)| dim));
        if let (Some(inputs), Some((expr, dim))) = (&inputs, &stated) {
            self.stated(site, expr, dim, inputs, "channels");
        }
        if let (Some(groups), Some(inputs), Some(expr)) =
            (&groups, &inputs, self.named_argument(&reader, "groups"))
        {
            let _ = self.divides(&expr, groups, inputs, who, "channels that come in")
                && self.divides(&expr, groups, &outputs, who, "channels that go out");
        }
        let shape = if transposed {
            self.grown(site, &reader, &outputs, &window, &added)
        } else {
            let at = self.named_argument(&reader, "kernel");
            let at = at.map_or_else(|| quote!(#name), |kernel| quote!(#kernel));
            self.slide(&at, who, "kernel", site.state, Some(&outputs), &window)
        };
        let Some(inputs) = inputs else { return Made::broken(ty, Shape::Unknown(None)) };
        let sizes = |dims: &[Dim]| {
            let dims = dims.iter().map(Dim::tokens);
            quote!(#illia::nn::Size([#(#dims),*]))
        };
        let mut settings = quote!();
        for (name, dims, default) in [
            ("stride", &window.stride, 1),
            ("padding", &window.padding, 0),
            ("output_padding", &added, 0),
            ("dilation", &window.dilation, 1),
        ] {
            if dims.iter().any(|dim| dim.fixed() != Some(default)) {
                let (field, sizes) = (Ident::new(name, site.kind.span()), sizes(dims));
                settings.extend(quote!(#field: #sizes,));
            }
        }
        if let Some(groups) = groups {
            let n = groups.tokens();
            settings.extend(quote!(groups: #n,));
        }
        let (i, o, kernel) = (inputs.tokens(), outputs.tokens(), sizes(&window.kernel));
        let config =
            Ident::new(if transposed { "ConvTransposeConfig" } else { "ConvConfig" }, Span::call_site());
        let config =
            quote!(#illia::nn::#config { #settings #bias #families ..::core::default::Default::default() });
        Made {
            kind: name.to_string().into(),
            make: Make::Function {
                function: quote!(#ty::try_new),
                arguments: quote!(#i, #o, #kernel, #config),
            },
            run: Run::Forward,
            shape,
            estimator: true,
            ty,
        }
    }

    /// Kernel (asked for), stride, padding and dilation.
    pub fn window(&mut self, reader: &Reader, site: &Site, axes: usize) -> Option<Window> {
        let kernel = match self.named_argument(reader, "kernel") {
            Some(expr) => self.sizes_of(&expr, &format!("`kernel` of `{}`", reader.kind), axes, 1),
            None => {
                self.errors.at(
                    site.kind,
                    format!(
                        "missing argument `kernel` of `{}`, the size of its window: `kernel: 3`",
                        reader.kind
                    ),
                );
                Err(())
            }
        };
        let stride = self.named_sizes(reader, "stride", axes, 1, 1);
        let padding = self.named_sizes(reader, "padding", axes, 0, 0);
        let dilation = self.named_sizes(reader, "dilation", axes, 1, 1);
        match (kernel, stride, padding, dilation) {
            (Ok(kernel), Ok(stride), Ok(padding), Ok(dilation)) => {
                Some(Window { kernel, stride, padding, dilation })
            }
            _ => None,
        }
    }

    /// The first axis of the input.
    pub fn channels(&mut self, site: &Site, stated: Option<&Dim>) -> Option<Dim> {
        let (who, kind, state) = (site.who, site.kind, site.state);
        let say = Say::new(format!(
            "`{who}` is {} over channels, the first axis, whose size must be known, but {} gives ",
            with_article(kind),
            state.giver
        ))
        .shape(&state.shape);
        match &state.shape {
            Shape::Known(dims) => match dims.first() {
                Some(dim) if dim.is_dynamic() => {
                    let hint = match dim {
                        Dim::Dynamic { base, times: 1, offset: 0, .. }
                            if !state.real && super::layers::may_be_a_size(base) =>
                        {
                            format!(
                                "; put the channels first, with `permute` or `reshape`; a size known when the net is made is an argument, `struct {}({base}: i64)`",
                                self.net.ident
                            )
                        }
                        _ => "; put the channels first, with `permute` or `reshape`".to_owned(),
                    };
                    self.errors.at(kind, say.text(hint).plain());
                    None
                }
                first => first.cloned(),
            },
            Shape::Opaque(c) => {
                let c = c.clone();
                let tokens = &c.tokens;
                self.require(kind, Cond::Const(quote!(#tokens.size(0) > 0)), say);
                let text = format!("the channels of {}", c.text);
                Some(Dim::Const(Const { tokens: quote!(#tokens.size(0)), text, level: c.level }))
            }
            Shape::Unknown(_) => stated.cloned(),
        }
    }

    pub fn divides(&mut self, at: &syn::Expr, groups: &Dim, channels: &Dim, who: &str, what: &str) -> bool {
        let private = self.private();
        let say = Say::new(format!("`groups` of `{who}` must divide its channels: "))
            .size(groups)
            .text(" does not divide the ")
            .size(channels)
            .text(format!(" {what}"));
        let cond = match (groups.fixed(), channels.fixed()) {
            (Some(groups), Some(channels)) => Cond::Known(illia_shape::divides(groups, channels)),
            _ => cond_of(&[groups, channels], |t| quote!(#private::divides(#(#t),*))),
        };
        self.require(at, cond, say)
    }

    /// A window over every spatial axis; it must not be larger than what it slides over.
    pub fn slide(
        &mut self,
        at: &proc_macro2::TokenStream,
        who: &str,
        what: &str,
        state: &State,
        outputs: Option<&Dim>,
        window: &Window,
    ) -> Shape {
        let private = self.private();
        let Window { kernel, stride, padding, dilation } = window;
        match &state.shape {
            Shape::Unknown(_) => Shape::Unknown(None),
            Shape::Opaque(c) => {
                let (given, o) = (&c.tokens, outputs.map_or_else(|| quote!(0), Dim::tokens));
                let lists = [kernel, stride, padding, dilation].map(|list| {
                    let list = list.iter().map(Dim::tokens);
                    quote!(&[#(#list),*])
                });
                let tokens = quote!(#private::windowed(#given, #o, #(#lists),*));
                let say = Say::new(format!("the {what} of `{who}` is larger than its padded input, "))
                    .shape(&state.shape);
                self.require(at, Cond::Const(quote!(#private::positive(#tokens))), say);
                self.opaque(tokens, "[channels, ..]".into(), c.level)
            }
            Shape::Known(dims) => {
                let mut out =
                    vec![outputs.cloned().or_else(|| dims.first().cloned()).unwrap_or(Dim::Fixed(1))];
                let mut complained = false;
                for (axis, dim) in dims.iter().skip(1).enumerate() {
                    let settings = [kernel, stride, padding, dilation]
                        .map(|list| list.get(axis).cloned().unwrap_or(Dim::Fixed(1)));
                    let n = self.places(dim, &settings);
                    let [k, _, p, d] = &settings;
                    let say =
                        Say::new(format!("the {what} of `{who}` is larger than its padded input: ")).size(k);
                    let say =
                        if d.fixed() == Some(1) { say } else { say.text(" points ").size(d).text(" apart") };
                    let say = say.text(" over ").size(dim);
                    let say = if p.fixed() == Some(0) {
                        say
                    } else {
                        say.text(", padded by ").size(p).text(" on both sides")
                    };
                    let say = say.text(format!(" ({} gives ", state.giver)).shape(&state.shape).text(")");
                    if !complained && !self.require(at, at_least_one(&n), say) {
                        complained = true;
                    }
                    if let Dim::Const(c) = &n {
                        let tokens = &c.tokens;
                        self.sound.push((packed(tokens), quote!((#tokens >= 1))));
                    }
                    out.push(n);
                }
                if complained { Shape::Unknown(None) } else { Shape::Known(out) }
            }
        }
    }

    /// How many places a window has on an axis.
    fn places(&self, dim: &Dim, settings: &[Dim; 4]) -> Dim {
        let private = self.private();
        let [kernel, stride, padding, dilation] = settings;
        if let Dim::Dynamic { base, times, offset, more } = dim {
            if let Some(places) = linear_places(dim, settings) {
                return places;
            }
            let fixed: Vec<Option<i64>> = settings.iter().map(Dim::fixed).collect();
            return match fixed.as_slice() {
                // Exact where the stride divides what is known only at run time.
                [Some(k), Some(s), Some(p), Some(d)] if times % s == 0 && more.is_empty() => Dim::Dynamic {
                    base: base.clone(),
                    times: times / s,
                    offset: illia_shape::windowed_plus(*offset, *k, *s, *p, *d),
                    more: Vec::new(),
                },
                [Some(k), Some(s), Some(p), Some(d)] => {
                    // (n + c) / s + 1 is (n + c + s) / s, rounded down likewise.
                    let room = dim.scaled(1, 2 * p - d * (k - 1) - 1 + s).text();
                    let room = if room.contains(' ') { format!("({room})") } else { room };
                    Dim::named(&format!("({room} / {s})"))
                }
                _ => {
                    let texts: Vec<String> = settings.iter().map(Dim::text).collect();
                    Dim::named(&format!("window({}, {})", dim.text(), texts.join(", ")))
                }
            };
        }
        computed(
            &[dim, kernel, stride, padding, dilation],
            |n| match n {
                &[n, k, s, p, d] => Some(illia_shape::window(n, k, s, p, d)),
                _ => None,
            },
            |t| quote!(#private::window(#(#t),*)),
            |t| format!("window({})", t.join(", ")),
        )
    }
}

/// The places of a window that moves by one, as far as they are a sum: n + 2 p - d (k - 1).
fn linear_places(dim: &Dim, [kernel, stride, padding, dilation]: &[Dim; 4]) -> Option<Dim> {
    if stride.fixed() != Some(1) {
        return None;
    }
    let reach = format!("({}) * ({} - 1)", dilation.text(), kernel.text());
    dim.longer(&padding.text(), 2)?.longer(&reach, -1)
}

/// Whether an axis has an element.
pub fn at_least_one(dim: &Dim) -> Cond {
    match dim {
        Dim::Fixed(n) => Cond::Known(*n >= 1),
        Dim::Const(c) => {
            let tokens = &c.tokens;
            Cond::Const(quote!(#tokens >= 1))
        }
        Dim::Dynamic { .. } => Cond::Known(true),
    }
}

/// A rule on sizes, some of which only the compiler knows.
pub fn cond_of(
    dims: &[&Dim],
    tokens: impl FnOnce(&[proc_macro2::TokenStream]) -> proc_macro2::TokenStream,
) -> Cond {
    let parts: Vec<_> = dims.iter().map(|dim| dim.tokens()).collect();
    Cond::Const(tokens(&parts))
}
