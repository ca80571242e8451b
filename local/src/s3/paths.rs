//! Where a key lies on disk.

use std::path::{Path, PathBuf};

/// The file for a key. Path segments that no folder may have are escaped with `%`, so that no key leaves
/// its bucket's folder and no two keys share a file.
pub(super) fn file_path(folder: &Path, key: &str) -> PathBuf {
    let mut path = folder.to_path_buf();
    for segment in key.split('/') {
        path.push(match segment {
            "" => "%".to_owned(),
            "." => "%2E".to_owned(),
            ".." => "%2E%2E".to_owned(),
            other => {
                let name = other.replace('%', "%25").replace('\0', "%00");
                shorten(name)
            }
        });
    }
    path
}

/// The file with what S3 knows about a key beside its bytes. Keys are longer than file names may be, so the
/// name is a checksum, with the end of the key for a person who looks.
pub(super) fn record_path(records: &Path, key: &str) -> PathBuf {
    const TAIL: usize = 40;
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, key.as_bytes());
    let plain: String = key.chars().filter(char::is_ascii_alphanumeric).collect();
    let tail = &plain[plain.len().saturating_sub(TAIL)..];
    records.join(format!("{crc:016x}-{tail}.json"))
}

/// File names end at 255 bytes on every common file system; keys at 1024.
fn shorten(name: String) -> String {
    const LONGEST_NAME: usize = 255;
    if name.len() <= LONGEST_NAME {
        return name;
    }
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc64Nvme, name.as_bytes());
    let head = name.floor_char_boundary(LONGEST_NAME - 20);
    format!("{}%~{crc:016x}", &name[..head])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_leaves_its_folder_and_no_two_share_a_file() {
        let long = "x".repeat(1024);
        let longer_tail = format!("{}y", "x".repeat(1023));
        let keys = [
            "a/b.mp4",
            "/a/b.mp4",
            "a//b.mp4",
            "a/b.mp4/",
            "../a",
            "..",
            ".",
            "%2E",
            "%",
            "",
            "a%b",
            "a%25b",
            &long,
            &longer_tail,
        ];
        let folder = Path::new("/srv/clips");
        let mut paths: Vec<_> = keys.iter().map(|key| file_path(folder, key)).collect();
        for path in &paths {
            assert!(path.starts_with(folder) && path != folder, "{path:?}");
            for name in path.components() {
                assert!(!matches!(name, std::path::Component::ParentDir), "{path:?}");
                assert!(name.as_os_str().len() <= 255, "{path:?}");
            }
        }
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), keys.len());
        assert_eq!(file_path(folder, "a/b.mp4"), folder.join("a/b.mp4"));
    }
}
