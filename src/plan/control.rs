//! The control: a server that is known to lose requests, rolled in each block beside the variants. Where nothing of its
//! loss is seen, a variant without loss shows nothing.

use std::path::Path;

use super::build_for_manifests;
use super::build_plan::ONE_VARIANT;
use super::plan_error::PlanError;
use super::types::{PlanOverrides, RunPlan, VariantPlan};
use crate::manifest::FileSource;
use crate::scenario::ShippedFiles;
use crate::spec::{Arm, Expect, LoadSpec, RequestSpec, VariantSpec};
use crate::yaml::YamlSource;

/// The control's name, which no other variant may have beside it.
const CONTROL: &str = "control";
/// The built-in server, which exits at once when it is told to stop.
const MANIFEST: &str = "manifests/target.yaml";

impl RunPlan {
    /// Adds the control as one more variant of each block: `GET /` at the lowest of the variants' rates, on that variant's
    /// arms in the same proportions and judged by the same ones.
    pub(crate) fn add_control(&mut self) -> Result<(), PlanError> {
        // A run that is run again may have had one.
        if self.settings.control.is_some() {
            return Ok(());
        }
        if self.variants.iter().any(|variant| variant.spec.name == CONTROL) {
            return Err(PlanError::plain(
                format!("--control adds a variant named {CONTROL}, and the scenario has one of that name"),
                "give the scenario's variant another name, or leave out --control",
            ));
        }
        let loads = self.variants.iter().map(|variant| &variant.spec.load);
        let Some(slowest) = loads.min_by(|a, b| a.rate.total_cmp(&b.rate)) else {
            return Ok(());
        };
        let mut control = built_in(self.settings.seed)?;
        let (name, expect) = (CONTROL.to_owned(), Expect::Loss);
        control.spec = VariantSpec { name, expect, load: load(slowest), ..control.spec };
        self.settings.control = Some(CONTROL.to_owned());
        self.variants.push(control);
        self.settings.notes.retain(|note| note != ONE_VARIANT);
        self.order_trials();
        Ok(())
    }
}

/// The built-in server as it is planned alone.
fn built_in(seed: u64) -> Result<VariantPlan, PlanError> {
    let text = ShippedFiles.read(Path::new(MANIFEST)).map_err(crate::manifest::ManifestError::Read)?;
    let overrides = PlanOverrides { seed, ..PlanOverrides::default() };
    let mut plan =
        build_for_manifests(&[YamlSource::new(MANIFEST, &text)], &super::WorkloadChoice::default(), &overrides)?;
    Ok(plan.variants.remove(0))
}

/// One kind of request that travels as all of `load`'s together do. The built-in server speaks plain HTTP and names its pod in
/// the default header.
fn load(load: &LoadSpec) -> LoadSpec {
    let carried = Arm::ALL.into_iter().map(|arm| (arm, load.rate_of(arm) / load.rate));
    let arms = carried.filter(|(_, weight)| *weight > 0.0).collect();
    LoadSpec {
        url: None,
        tls: None,
        pod_header: http::HeaderName::from_static("x-pod"),
        requests: vec![RequestSpec::get(http::uri::PathAndQuery::from_static("/"), arms)],
        ..load.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::plan;
    use super::*;

    #[test]
    fn the_control_is_rolled_once_in_each_block_at_the_same_rate_over_the_same_arms() {
        let mut plan = plan(
            "trials: 3\nload: {rate: 70, requests: [{path: /a, arms: [new], share: 40%}, {path: /b, arms: [reused, blind]}]}\n",
        );
        let before = plan.clone();
        plan.add_control().unwrap();
        let control = &plan.variants[plan.control().unwrap()];
        assert_eq!(
            (control.spec.name.as_str(), control.spec.expect, control.spec.shipped),
            (CONTROL, Expect::Loss, true)
        );
        assert_eq!(
            control.spec.manifests()[0].pointer("/spec/template/spec/containers/0/args/0").unwrap(),
            "--on-term=exit"
        );
        for arm in Arm::ALL {
            let rates = [control, &before.variants[0]].map(|variant| variant.spec.load.rate_of(arm));
            assert!((rates[0] - rates[1]).abs() < 1e-9, "{arm:?} {rates:?}");
        }
        assert_eq!(control.spec.load.judged, before.variants[0].spec.load.judged);
        let blocks = plan.order.iter().filter(|trial| Some(trial.variant) == plan.control()).map(|trial| trial.block);
        assert_eq!(blocks.collect::<Vec<_>>(), [1, 2, 3]);
        let summary = plan.summary().to_string();
        assert!(summary.contains("6 trials of 2 variants") && !summary.contains("one variant alone"), "{summary}");
    }

    #[test]
    fn it_is_compared_with_nothing_and_no_comparison_for_holm() {
        let lines = "baseline: a\ntrials: 5\nvariants: {a: {expect: loss}, b: {}}\n";
        let mut with = plan(lines);
        with.add_control().unwrap();
        assert_eq!(with.alternative(2), None);
        assert_eq!(with.compared(1), plan(lines).compared(1));
    }

    #[test]
    fn a_variant_of_its_name_is_refused() {
        let error = plan("variants: {control: {}}\n").add_control().unwrap_err().to_string();
        assert!(error.contains("a variant named control"), "{error}");
    }
}
