//! Tests of what an engine's lines add up to and what its words mean.

use super::*;
use bollard::models::ProgressDetail;
use proptest::prelude::*;

fn line(id: &str, status: &str, current: i64, total: i64) -> CreateImageInfo {
    CreateImageInfo {
        id: Some(id.into()),
        status: Some(status.into()),
        progress_detail: Some(ProgressDetail { current: Some(current), total: Some(total) }),
        ..CreateImageInfo::default()
    }
}

fn meter() -> Meter {
    Meter::new(&Reference::parse("fem:1").unwrap())
}

#[test]
fn lines_add_up_to_a_whole() {
    let mut meter = meter();
    let start = Instant::now();
    let at = |seconds: u64| start + Duration::from_secs(seconds);
    meter.take_at(&line("1", "Pulling from library/fem", 0, 0), start);
    assert!(meter.progress.layers.is_empty(), "a tag is no layer");
    meter.take_at(&line("aaaaaaaaaaaa", "Already exists", 0, 0), start);
    meter.take_at(&line("bbbbbbbbbbbb", "Downloading", 0, 100), start);
    meter.take_at(&line("bbbbbbbbbbbb", "Downloading", 40, 100), at(2));
    let progress = &meter.progress;
    assert_eq!((progress.received, progress.total, progress.rate, progress.left()), (40, 100, Some(20), Some(3)));
    assert_eq!((progress.fraction(), progress.ready()), (Some(0.4), (1, 2)));
    meter.take_at(&line("bbbbbbbbbbbb", "Download complete", 0, 0), at(3));
    meter.take_at(&line("bbbbbbbbbbbb", "Extracting", 30, 60), at(4));
    assert_eq!(meter.progress.layers[1].unpacked, Some(0.5));
    assert_eq!(meter.progress.fraction(), Some(1.0), "unpacking takes nothing back");
    meter.take_at(&line("bbbbbbbbbbbb", "Pull complete", 0, 0), at(5));
    assert_eq!(meter.progress.ready(), (2, 2));
    meter.take_at(&line("bbbbbbbbbbbb", "Pull complete", 0, 0), at(60));
    assert_eq!(meter.progress.rate, None, "a rate of long ago is none");
}

#[test]
fn words_of_engines_are_understood() {
    for (said, cause) in [
        ("pull access denied for x, repository does not exist or may require 'docker login'", Cause::Refused),
        ("Head \"http://127.0.0.1:5/v2/x/manifests/1\": no basic auth credentials", Cause::Refused),
        ("manifest for 127.0.0.1:5/x:2 not found: manifest unknown: manifest unknown", Cause::NotFound),
        ("no matching manifest for linux/amd64 in the manifest list entries", Cause::Platform),
        ("failed to register layer: write /x: no space left on device", Cause::Full),
        ("Get \"http://127.0.0.1:5/v2/\": dial tcp 127.0.0.1:5: connect: connection refused", Cause::Unreachable),
        ("Get \"https://x/v2/\": dial tcp: lookup x: no such host", Cause::Unreachable),
        ("unexpected EOF", Cause::Way),
        ("net/http: TLS handshake timeout", Cause::Way),
        ("something new", Cause::Other),
    ] {
        assert_eq!(Cause::of(&Error::DockerStreamError { error: said.into() }), cause, "{said}");
    }
    // The engine's own trouble is not the registry's.
    assert_eq!(Cause::of(&Error::RequestTimeoutError), Cause::Other);
}

#[test]
fn a_refusal_says_what_may_help() {
    let reference = Reference::parse("127.0.0.1:5000/fem").unwrap();
    let words = |signed_in| Cause::Refused.error(&reference, signed_in, "no".into()).to_string();
    assert!(words(false).contains("`docker login 127.0.0.1:5000`"), "{}", words(false));
    assert!(words(true).contains("was tried"), "{}", words(true));
}

proptest! {
    /// Whatever an engine says: no panic, and never more done than there is.
    #[test]
    fn any_lines_are_taken(lines in prop::collection::vec(("[a-f0-9]{12}|.{0,5}", "Downloading|Extracting|Pull complete|Waiting|.{0,9}", any::<i64>(), any::<i64>()), 0..30)) {
        let mut meter = meter();
        for (id, status, current, total) in lines {
            let (current, total) = (current >> 8, total >> 8);
            meter.take(&line(&id, &status, current, total));
            prop_assert!(meter.progress.received <= meter.progress.total);
            prop_assert!(meter.progress.fraction().is_none_or(|share| (0.0..=1.0).contains(&share)));
        }
    }
}
