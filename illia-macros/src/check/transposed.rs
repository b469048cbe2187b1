//! Transposed convolutions on `[channels, spatial..]`.

use quote::quote;
use syn::Ident;

use super::Checker;
use super::arguments::Reader;
use super::convolutions::{at_least_one, wanted};
use super::layers::Site;
use super::steps::Made;
use crate::dim::{Dim, Level, Shape, computed};
use crate::model::{Make, Run};
use crate::say::Say;

impl Checker<'_> {
    pub fn transposed(&mut self, site: &Site, mut reader: Reader, axes: usize) -> Made {
        let illia = self.illia.clone();
        let private = self.private();
        let name = Ident::new(&reader.kind, site.kind.span());
        let ty = quote!(#illia::nn::#name);
        let (who, state) = (site.who, site.state);
        let known = [
            "kernel",
            "stride",
            "padding",
            "output_padding",
            "dilation",
            "groups",
            "bias",
            "prior",
            "posterior",
            "estimator",
            "bias_prior",
            "lora",
        ];
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
        if let Some(expr) = self.named_argument(&reader, "output_padding") {
            for (a, (s, d)) in added.iter().zip(window.stride.iter().zip(&window.dilation)) {
                if let (Some(a), Some(s), Some(d)) = (a.fixed(), s.fixed(), d.fixed())
                    && a >= s.max(d)
                {
                    let message = format!(
                        "`output_padding` of `{who}` is below its stride or dilation, {}, got {a}",
                        s.max(d)
                    );
                    self.errors.at(&expr, message);
                    return Made::broken(ty, Shape::Unknown(None));
                }
            }
        }
        let at =
            self.named_argument(&reader, "padding").map_or_else(|| quote!(#name), |padding| quote!(#padding));
        let lists = [&window.kernel, &window.stride, &window.padding, &added, &window.dilation];
        let shape = match &state.shape {
            Shape::Known(dims) => {
                let mut out = vec![outputs.clone()];
                for (axis, dim) in dims.iter().skip(1).enumerate() {
                    let settings: Vec<&Dim> = lists.iter().filter_map(|list| list.get(axis)).collect();
                    out.push(self.grow(dim, &settings));
                }
                let out = Shape::Known(out);
                for dim in out.dims().unwrap_or_default().iter().skip(1) {
                    let say = Say::new(format!("`{who}` leaves nothing: its output would be ")).shape(&out);
                    if !self.require(&at, at_least_one(dim), say) {
                        break;
                    }
                }
                out
            }
            Shape::Opaque(c) => {
                let (given, o) = (&c.tokens, outputs.tokens());
                let lists = lists.iter().map(|list| {
                    let list = list.iter().map(Dim::tokens);
                    quote!(&[#(#list),*])
                });
                self.opaque(
                    quote!(#private::transpose_windowed(#given, #o, #(#lists),*)),
                    format!("[{}, ..]", outputs.text()),
                    Level::Generic.min(c.level),
                )
            }
            Shape::Unknown(_) => Shape::Unknown(None),
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
        let config = quote!(#illia::nn::ConvTransposeConfig { #settings #bias #families ..::core::default::Default::default() });
        Made {
            kind: name.to_string(),
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

    /// How long an axis becomes.
    fn grow(&self, dim: &Dim, settings: &[&Dim]) -> Dim {
        let private = self.private();
        if dim.is_dynamic() {
            let fixed: Option<Vec<i64>> = settings.iter().map(|s| s.fixed()).collect();
            if let Some(&[k, s, p, a, d]) = fixed.as_deref() {
                return dim.scaled(s, d * (k - 1) - 2 * p + a + 1 - s);
            }
            let texts: Vec<String> = settings.iter().map(|s| s.text()).collect();
            return Dim::named(&format!("grown({}, {})", dim.text(), texts.join(", ")));
        }
        let mut all = vec![dim];
        all.extend(settings);
        computed(
            &all,
            |n| match n {
                &[n, k, s, p, a, d] => Some(illia_shape::transposed(n, k, s, p, a, d)),
                _ => None,
            },
            |t| quote!(#private::transposed(#(#t),*)),
            |t| format!("transposed({})", t.join(", ")),
        )
    }
}
