//! Buckets, objects and open uploads: in memory to decide, on disk to last.
//!
//! One lock guards all decisions, and a decision and its rename happen under it: of two writers that both
//! saw an empty key, exactly one wins.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use s3s::{S3Error, S3ErrorCode, S3Result};
use serde::{Deserialize, Serialize};
use tempfile::TempPath;

use super::Bucket;
use super::checksum::{Algorithm, Coverage, Sum};
use super::multipart::Upload;
use super::paths::{file_path, record_path};
use super::refuse;

/// The folder beside the buckets with everything that is not an object. No bucket can have this name.
const HIDDEN: &str = ".s3";

/// An object with all that S3 keeps about it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredObject {
    /// The file with the object's bytes.
    #[serde(skip)]
    pub path: PathBuf,
    /// The object's key.
    pub key: String,
    /// Length in bytes.
    pub size: u64,
    /// ETag without quotes: the MD5 in hex, or that of the parts' MD5s with `-N` after a multipart upload.
    pub etag: String,
    /// When it was written.
    pub last_modified: SystemTime,
    /// `Content-Type`; `binary/octet-stream` when none was sent.
    pub content_type: String,
    /// User metadata without `x-amz-meta-`.
    pub metadata: BTreeMap<String, String>,
    /// Tags.
    pub tags: BTreeMap<String, String>,
    /// Storage class, `STANDARD` when none was sent.
    pub storage_class: String,
    /// `AES256`, `aws:kms` or `aws:kms:dsse`.
    pub server_side_encryption: String,
    /// The ARN of the KMS key, with KMS encryption only.
    pub kms_key_id: Option<String>,
    /// CRC64NVME over all bytes, base64. Known whatever the client declared.
    pub crc64nvme: String,
    /// `x-amz-version-id`, in a versioned bucket only.
    pub version_id: Option<String>,
    /// Number of parts, after a multipart upload only.
    pub parts: Option<usize>,
    /// The checksum that S3 shows for it, and what that covers.
    pub(super) checksum: Sum,
    pub(super) coverage: Coverage,
}

/// The part of a [`StoredObject`] that a request decides before its bytes come.
#[derive(Clone, Debug)]
pub(super) struct Description {
    pub(super) content_type: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) storage_class: String,
    pub(super) server_side_encryption: String,
    pub(super) kms_key_id: Option<String>,
}

/// The part of a [`StoredObject`] that its bytes decide.
#[derive(Debug)]
pub(super) struct Content {
    pub(super) file: TempPath,
    pub(super) size: u64,
    pub(super) etag: String,
    pub(super) parts: Option<usize>,
    pub(super) crc64nvme: String,
    pub(super) checksum: Option<(Sum, Coverage)>,
}

/// A multipart upload that is neither completed nor aborted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenUpload {
    /// The bucket.
    pub bucket: String,
    /// The key that it would write.
    pub key: String,
    /// The upload id.
    pub upload_id: String,
    /// Part number, 1 to 10,000, and size in bytes of each stored part.
    pub parts: Vec<(u32, u64)>,
}

/// What must hold about the key for a write to happen (`If-None-Match: *`, `If-Match`).
#[derive(Debug)]
pub(super) enum Condition {
    None,
    Absent,
    ETag(String),
}

#[derive(Debug)]
pub(super) struct Store {
    root: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) buckets: BTreeMap<String, BucketState>,
    pub(super) uploads: BTreeMap<String, Upload>,
    /// Keys of uploads that were completed without a word of how large the whole is, or of its checksum.
    pub(super) unsealed: BTreeSet<String>,
}

#[derive(Debug)]
pub(super) struct BucketState {
    pub(super) versioned: bool,
    pub(super) listable: bool,
    objects: BTreeMap<String, Arc<StoredObject>>,
}

impl Store {
    pub(super) fn open(root: PathBuf, buckets: Vec<Bucket>) -> io::Result<Self> {
        let store = Self {
            root,
            state: Mutex::default(),
        };
        // Whatever an earlier server left unfinished.
        match fs::remove_dir_all(store.unfinished()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::create_dir_all(store.unfinished())?;
        for bucket in buckets {
            store.add_bucket(bucket)?;
        }
        Ok(store)
    }

    pub(super) fn add_bucket(&self, bucket: Bucket) -> io::Result<()> {
        let folder = self.root.join(&bucket.name);
        let records = self.records(&bucket.name);
        fs::create_dir_all(&folder)?;
        fs::create_dir_all(&records)?;
        let mut objects = BTreeMap::new();
        for record in fs::read_dir(&records)? {
            let text = fs::read(record?.path())?;
            let mut object: StoredObject = serde_json::from_slice(&text)?;
            object.path = file_path(&folder, &object.key);
            // A person may have moved or replaced the file since; then it is no object any more.
            if fs::metadata(&object.path).is_ok_and(|file| file.len() == object.size) {
                objects.insert(object.key.clone(), Arc::new(object));
            }
        }
        let state = BucketState {
            versioned: bucket.versioned,
            listable: bucket.listable,
            objects,
        };
        self.state().buckets.insert(bucket.name, state);
        Ok(())
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // Changes are single inserts and removals, so a poisoned state is still a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where bytes wait until they are an object; on the same file system, so that a rename makes them one.
    pub(super) fn unfinished(&self) -> PathBuf {
        self.root.join(HIDDEN).join("unfinished")
    }

    fn records(&self, bucket: &str) -> PathBuf {
        self.root.join(HIDDEN).join("objects").join(bucket)
    }

    fn record(&self, bucket: &str, key: &str) -> PathBuf {
        record_path(&self.records(bucket), key)
    }

    /// Makes `content` the object at `key`, if the condition holds, in one step for every onlooker.
    pub(super) fn publish(
        &self,
        state: &mut State,
        (bucket, key): (&str, &str),
        description: Description,
        content: Content,
        condition: &Condition,
    ) -> S3Result<Arc<StoredObject>> {
        let bucket_state = state.bucket(bucket)?;
        match (condition, bucket_state.object(key)) {
            (Condition::None, _) | (Condition::Absent, None) => {}
            (Condition::ETag(etag), Some(object)) if object.etag == *etag => {}
            (Condition::Absent | Condition::ETag(_), Some(_)) => {
                let message = "At least one of the pre-conditions you specified did not hold";
                return Err(refuse(S3ErrorCode::PreconditionFailed, message));
            }
            (Condition::ETag(_), None) => return Err(no_such_key()),
        }
        let path = file_path(&self.root.join(bucket), key);
        make_room(&path, key)?;
        let (checksum, coverage) = content.checksum.unwrap_or_else(|| {
            // "If nobody sets one": S3 computes CRC64NVME by itself.
            let sum = Sum {
                algorithm: Algorithm::Crc64Nvme,
                value: content.crc64nvme.clone(),
            };
            (sum, Coverage::FullObject)
        });
        let object = StoredObject {
            path,
            key: key.to_owned(),
            size: content.size,
            etag: content.etag,
            last_modified: SystemTime::now(),
            content_type: description
                .content_type
                .unwrap_or_else(|| "binary/octet-stream".to_owned()),
            metadata: description.metadata,
            tags: description.tags,
            storage_class: description.storage_class,
            server_side_encryption: description.server_side_encryption,
            kms_key_id: description.kms_key_id,
            crc64nvme: content.crc64nvme,
            version_id: bucket_state.versioned.then(|| identifier(32)),
            parts: content.parts,
            checksum,
            coverage,
        };
        let record = serde_json::to_vec_pretty(&object).map_err(S3Error::internal_error)?;
        content
            .file
            .persist(&object.path)
            .map_err(S3Error::internal_error)?;
        fs::write(self.record(bucket, key), record).map_err(S3Error::internal_error)?;
        let object = Arc::new(object);
        bucket_state.objects.insert(key.to_owned(), Arc::clone(&object));
        Ok(object)
    }

    /// Removes the object at `key`, if there is one, and the folders that only it needed.
    pub(super) fn remove(&self, state: &mut State, bucket: &str, key: &str) -> S3Result<()> {
        let Some(object) = state.bucket(bucket)?.objects.remove(key) else {
            return Ok(());
        };
        for path in [&object.path, &self.record(bucket, key)] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(S3Error::internal_error(error));
                }
                _ => {}
            }
        }
        let folder = self.root.join(bucket);
        let parents = object.path.ancestors().skip(1);
        for parent in parents.take_while(|parent| *parent != folder) {
            // A folder that still holds something cannot be removed, nor can those above it.
            if fs::remove_dir(parent).is_err() {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn object(&self, bucket: &str, key: &str) -> Option<StoredObject> {
        let state = self.state();
        let object = state.buckets.get(bucket)?.object(key)?;
        Some(StoredObject::clone(object))
    }

    pub(super) fn keys(&self, bucket: &str) -> Vec<String> {
        let state = self.state();
        let bucket = state.buckets.get(bucket);
        bucket.map_or_else(Vec::new, |bucket| {
            bucket.objects().map(|object| object.key.clone()).collect()
        })
    }

    /// For as long as this server runs; what is on disk keeps its date.
    pub(super) fn age(&self, bucket: &str, keys: &str, by: Duration) {
        let mut state = self.state();
        let objects = state.buckets.get_mut(bucket).map(|bucket| &mut bucket.objects);
        let aged = objects
            .into_iter()
            .flatten()
            .filter(|(key, _)| key.starts_with(keys));
        for (_, object) in aged {
            let object = Arc::make_mut(object);
            object.last_modified = object
                .last_modified
                .checked_sub(by)
                .unwrap_or(SystemTime::UNIX_EPOCH);
        }
    }

    pub(super) fn uploads(&self) -> Vec<OpenUpload> {
        let state = self.state();
        state
            .uploads
            .iter()
            .map(|(id, upload)| upload.describe(id))
            .collect()
    }
}

impl State {
    pub(super) fn bucket(&mut self, name: &str) -> S3Result<&mut BucketState> {
        self.buckets.get_mut(name).ok_or_else(|| {
            let message = "The specified bucket does not exist";
            refuse(S3ErrorCode::NoSuchBucket, message)
        })
    }
}

impl BucketState {
    /// The object at `key`, if its file is still there.
    pub(super) fn object(&self, key: &str) -> Option<&Arc<StoredObject>> {
        self.objects.get(key).filter(|object| object.path.is_file())
    }

    /// All objects in the order of their keys' bytes.
    pub(super) fn objects(&self) -> impl Iterator<Item = &Arc<StoredObject>> {
        self.objects.values().filter(|object| object.path.is_file())
    }
}

/// S3's answer for a key that holds nothing.
pub(super) fn no_such_key() -> S3Error {
    refuse(S3ErrorCode::NoSuchKey, "The specified key does not exist.")
}

/// Letters and digits that never come twice, as S3 uses for ids.
pub(super) fn identifier(length: usize) -> String {
    std::iter::repeat_with(fastrand::alphanumeric)
        .take(length)
        .collect()
}

/// Makes the folder for an object's file. S3 has no folders, a file system does.
fn make_room(path: &Path, key: &str) -> S3Result<()> {
    let made = match path.parent() {
        Some(parent) => fs::create_dir_all(parent),
        None => Ok(()),
    };
    let clash = match made {
        Ok(()) => path.is_dir(),
        Err(error) => match error.kind() {
            io::ErrorKind::AlreadyExists | io::ErrorKind::NotADirectory => true,
            _ => return Err(S3Error::internal_error(error)),
        },
    };
    if clash {
        let message = format!("{key} would be a folder and a file at once, which the local S3 cannot hold");
        return Err(refuse(S3ErrorCode::NotImplemented, message));
    }
    Ok(())
}
