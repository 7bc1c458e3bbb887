//! A manifest is read or refused, and what it gives a component is what is found again in the adapter.

#![no_main]

use libfuzzer_sys::fuzz_target;
use spin_mqtt_composer::{Composer, Manifest};

fuzz_target!(|text: &[u8]| {
    let manifest = match Manifest::parse(text) {
        Ok(manifest) => manifest,
        Err(error) => {
            let _ = error.to_string();
            return;
        }
    };
    let _ = manifest.secrets().count();
    for (_, component) in manifest.components() {
        component.dependencies().for_each(drop);
    }
    let values = [("broker".to_owned(), "h".to_owned())];
    for (id, component) in manifest.components() {
        let _ = (component.source(id), component.extras().count());
        let _ = manifest.unknown_keys(id).count();
        let settings = match manifest.settings(component, &[]) {
            Ok(settings) => settings,
            Err(error) => {
                let _ = error.to_string();
                continue;
            }
        };
        let _ = manifest.settings(component, &values);
        assert!(settings.permitted().is_some(), "no list permits nothing");
        for permission in settings.permissions().unwrap_or_default() {
            assert!(permission.problem.is_none() || permission.entry.contains("{{"));
        }
        let Ok(composer) = Composer::new().settings(settings.clone()) else {
            // Names and values of the environment are not the manifest's business.
            continue;
        };
        let adapter = composer
            .configured_adapter()
            .expect("any settings can be composed in");
        let inspection = composer
            .inspect(&adapter)
            .expect("an adapter can be inspected");
        assert_eq!(inspection.settings, Some(settings));
    }
});
