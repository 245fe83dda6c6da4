#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| scep_fuzz::name_template(data));
