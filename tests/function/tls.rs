//! TLS with a CA that only `AWS_CA_BUNDLE` knows, as behind a company's proxy.

use clip_export_local::http::Authority;

use crate::rig::{Setup, event};

#[tokio::test]
async fn a_ca_bundle_makes_a_private_authority_trusted() {
    let authority = Authority::new().expect("an authority");
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = folder.path().join("ca.pem");
    std::fs::write(&bundle, authority.pem()).expect("a file");
    let bundle = bundle.to_str().expect("UTF-8");
    for stream in ["front-door", "highway"] {
        let rig = Setup::default()
            .tls(authority.clone())
            .with("AWS_CA_BUNDLE", bundle)
            .start()
            .await;
        assert!(rig.s3.endpoint().starts_with("https://"));
        rig.receipt(&event(stream, 20)).await;
        rig.is_lossless(stream, 20);
    }
}

#[tokio::test]
async fn an_authority_that_nobody_vouches_for_is_not_trusted() {
    let authority = Authority::new().expect("an authority");
    let rig = Setup::default().tls(authority).start().await;
    let (_, message) = rig.error(&event("front-door", 10)).await;
    assert!(message.to_lowercase().contains("certificate"), "{message}");
    rig.nothing_is_left();
}

#[tokio::test]
async fn a_bundle_that_is_none_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let bundle = folder.path().join("ca.pem");
    std::fs::write(&bundle, "no certificate").expect("a file");
    let rig = Setup::default()
        .with("AWS_CA_BUNDLE", bundle.to_str().expect("UTF-8"))
        .start()
        .await;
    let message = rig.fails(&event("front-door", 10), "InvalidRequest").await;
    assert!(message.contains("AWS_CA_BUNDLE"), "{message}");
    assert_eq!(rig.aws_calls(), 0);
}
