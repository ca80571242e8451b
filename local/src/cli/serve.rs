//! `clip-local serve`: the stack for other tools.

use std::io;
use std::net::SocketAddr;

use clip_export_local::account::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY};
use clip_export_local::{kvs, s3};

use super::{BUCKETS, Serve, starting};

/// Serves until Ctrl-C.
pub(crate) async fn serve(serve: Serve) -> io::Result<()> {
    let mut options = s3::Options::new(&serve.out, &BUCKETS);
    options.address = SocketAddr::new(serve.host, serve.s3_port);
    let s3 = s3::Server::start(options).await.map_err(starting("S3"))?;
    let kvs = kvs::Options {
        host: serve.host,
        port: serve.kvs_port,
        record: 0,
        ..kvs::Options::default()
    };
    let kvs = kvs::Server::start(kvs)
        .await
        .map_err(starting("Kinesis Video Streams"))?;
    println!("{}", environment(&s3.endpoint(), &kvs.endpoint()));
    if serve.host.is_unspecified() {
        let inside = |endpoint: String| endpoint.replace("127.0.0.1", "host.docker.internal");
        println!("# for sam local invoke, where the function runs in a container, these two instead:");
        println!("export AWS_ENDPOINT_URL_S3={}", inside(s3.endpoint()));
        println!("export AWS_ENDPOINT_URL_KINESIS_VIDEO={}", inside(kvs.endpoint()));
    }
    eprintln!("\nObjects are files in {}. Ctrl-C ends.", serve.out.display());
    tokio::signal::ctrl_c().await?;
    for upload in s3.uploads() {
        let (bucket, key) = (upload.bucket, upload.key);
        eprintln!("warning: the multipart upload to {bucket}/{key} was left open");
    }
    Ok(())
}

/// Lines for a shell: what the function, the SDKs and the AWS CLI read.
fn environment(s3: &str, kvs: &str) -> String {
    let [bucket, allowed] = BUCKETS;
    let variables = [
        ("AWS_ENDPOINT_URL_S3", s3),
        ("AWS_ENDPOINT_URL_KINESIS_VIDEO", kvs),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID),
        ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
        ("AWS_REGION", REGION),
        ("AWS_DEFAULT_REGION", REGION),
        ("CLIP_BUCKET", bucket),
        ("CLIP_ALLOWED_BUCKETS", allowed),
    ];
    let lines = variables.map(|(name, value)| format!("export {name}={value}"));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_can_be_pasted() {
        let text = environment("http://127.0.0.1:1", "http://127.0.0.1:2");
        assert!(text.starts_with("export AWS_ENDPOINT_URL_S3=http://127.0.0.1:1\n"));
        let plain = |line: &str| {
            let line = line.strip_prefix("export ")?.split_once('=')?;
            (!line.1.contains([' ', '$', '\'', '"'])).then_some(())
        };
        assert!(text.lines().all(|line| plain(line).is_some()), "{text}");
    }
}
