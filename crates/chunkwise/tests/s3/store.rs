//! A store that others wrote (s3s with s3s-fs) on loopback, with faults of ours before it.
//!
//! s3s-fs lists parts without their ETags and knows no upload that is gone; both are S3's to say, so they are added here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use s3s::auth::SimpleAuth;
use s3s::dto::*;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{HttpResponse, S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;

pub(crate) const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
pub(crate) const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub(crate) const BUCKET: &str = "media";

/// What happens to a request.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// It is done, and its answer never comes.
    Swallowed,
    /// It is not done; this is the answer, with what it asks to wait.
    Instead(u16, &'static str),
    /// It is not done; the answer is that of a bucket with versions to a deletion.
    Marker,
}

#[derive(Default)]
struct State {
    log: Vec<String>,
    faults: Vec<(String, Fault)>,
}

/// The store: what was asked of it, and what is to go wrong.
pub(crate) struct Store {
    pub(crate) address: SocketAddr,
    state: Arc<Mutex<State>>,
    uploads: Arc<Mutex<Uploads>>,
    lists_all: Arc<AtomicBool>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for Store {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Store {
    pub(crate) async fn start(root: &Path) -> Self {
        std::fs::create_dir_all(root.join(BUCKET)).unwrap();
        let uploads = Arc::<Mutex<Uploads>>::default();
        let fs = Arc::new(FileSystem::new(root).unwrap());
        let lists_all = Arc::<AtomicBool>::default();
        let files = Files { fs, uploads: Arc::clone(&uploads), lists_all: Arc::clone(&lists_all) };
        let mut service = S3ServiceBuilder::new(files);
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        let service = service.build();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        let server = tokio::spawn(async move {
            loop {
                let (socket, _) = listener.accept().await.unwrap();
                let (service, state) = (service.clone(), Arc::clone(&shared));
                tokio::spawn(async move {
                    let answer = hyper::service::service_fn(|request| answer(&service, &state, request));
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(socket), answer)
                        .await;
                });
            }
        });
        Self { address, state, uploads, lists_all, server }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next request whose line holds this text meets this fault.
    pub(crate) fn fault(&self, request: &str, fault: Fault) {
        self.state.lock().unwrap().faults.push((request.to_owned(), fault));
    }

    /// How many requests there were whose line holds this text.
    pub(crate) fn count(&self, request: &str) -> usize {
        self.state.lock().unwrap().log.iter().filter(|line| line.contains(request)).count()
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.state.lock().unwrap().log.clone()
    }

    /// How many parts it lists, of all uploads under way.
    pub(crate) fn parts(&self) -> usize {
        self.uploads.lock().unwrap().values().map(|under_way| under_way.etags.len()).sum()
    }

    /// Somebody else who has the id writes a part into the one upload under way.
    pub(crate) fn plant(&self, root: &Path, number: i32, content: &[u8]) {
        let mut uploads = self.uploads.lock().unwrap();
        let (id, under_way) = uploads.iter_mut().next().unwrap();
        std::fs::write(root.join(format!(".upload_id-{id}.part-{number}")), content).unwrap();
        under_way.etags.insert(number, ETag::Strong("0123456789abcdef0123456789abcdef".to_owned()));
    }

    /// From now on it lists what there is of an upload that it does not know, as s3s-fs itself does: nothing.
    pub(crate) fn list_all(&self) {
        self.lists_all.store(true, Ordering::Relaxed);
    }

    /// Every upload under way is aborted by somebody else, or by a rule of the bucket.
    pub(crate) fn forget(&self) {
        self.uploads.lock().unwrap().clear();
    }

    /// How many uploads have begun and are neither complete nor given up.
    pub(crate) fn unfinished(&self) -> usize {
        self.uploads.lock().unwrap().len()
    }
}

/// An error closes the connection without an answer.
async fn answer(
    service: &S3Service,
    state: &Mutex<State>,
    request: hyper::Request<Incoming>,
) -> Result<HttpResponse, Box<dyn std::error::Error + Send + Sync>> {
    let line = format!("{} {}", request.method(), request.uri());
    let fault = {
        let mut state = state.lock().unwrap();
        let at = state.faults.iter().position(|(text, _)| line.contains(text));
        state.log.push(line);
        at.map(|at| state.faults.remove(at).1)
    };
    match fault {
        None => Ok(hyper::service::Service::call(service, request).await?),
        Some(Fault::Swallowed) => {
            hyper::service::Service::call(service, request).await?;
            Err("swallowed".into())
        }
        Some(Fault::Marker) => {
            let response = hyper::Response::builder().status(204).header("x-amz-delete-marker", "true");
            Ok(response.body(s3s::Body::empty())?)
        }
        Some(Fault::Instead(status, body)) => {
            use futures::StreamExt as _;
            let mut rest = http_body_util::BodyStream::new(request.into_body());
            while rest.next().await.is_some() {}
            let response =
                hyper::Response::builder().status(status).body(s3s::Body::from(body.to_owned()))?;
            Ok(response)
        }
    }
}

type Etags = BTreeMap<i32, ETag>;

/// An upload that is neither complete nor given up.
#[derive(Clone, Default)]
struct UnderWay {
    etags: Etags,
    /// Held by every part that is being written, and by an abort alone: s3s-fs itself forgets the upload while it writes
    /// on, and what it writes then belongs to nobody.
    writing: Arc<tokio::sync::RwLock<()>>,
}

type Uploads = BTreeMap<String, UnderWay>;

/// s3s-fs, and what S3 has beyond it.
struct Files {
    fs: Arc<FileSystem>,
    uploads: Arc<Mutex<Uploads>>,
    lists_all: Arc<AtomicBool>,
}

impl Files {
    fn known(&self, upload_id: &str) -> S3Result<UnderWay> {
        self.uploads.lock().unwrap().get(upload_id).cloned().ok_or_else(|| s3_error!(NoSuchUpload))
    }
}

#[async_trait::async_trait]
impl S3 for Files {
    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let created = self.fs.create_multipart_upload(req).await?;
        let id = created.output.upload_id.clone().unwrap();
        self.uploads.lock().unwrap().insert(id, UnderWay::default());
        Ok(created)
    }

    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> S3Result<S3Response<UploadPartOutput>> {
        let (id, number) = (req.input.upload_id.clone(), req.input.part_number);
        let writing = self.known(&id)?.writing.read_owned().await;
        self.known(&id)?;
        // A task of its own: a connection that ends doesn't end the writing in the middle of it.
        let fs = Arc::clone(&self.fs);
        let task = tokio::spawn(async move { (fs.upload_part(req).await, writing) });
        let (stored, _writing) = task.await.unwrap();
        let stored = stored?;
        if let Some(under_way) = self.uploads.lock().unwrap().get_mut(&id) {
            under_way.etags.insert(number, stored.output.e_tag.clone().unwrap());
        }
        Ok(stored)
    }

    /// In pages of two, so that there are some.
    async fn list_parts(&self, req: S3Request<ListPartsInput>) -> S3Result<S3Response<ListPartsOutput>> {
        let etags = match self.known(&req.input.upload_id) {
            Err(_) if self.lists_all.load(Ordering::Relaxed) => Etags::new(),
            known => known?.etags,
        };
        let after = req.input.part_number_marker.unwrap_or(0);
        let mut listed = self.fs.list_parts(req).await?;
        let mut parts = listed.output.parts.take().unwrap_or_default();
        parts.sort_by_key(|part| part.part_number);
        // A part that s3s-fs was writing when its client went away has no ETag, and S3 lists none such.
        parts.retain(|part| part.part_number.is_some_and(|n| n > after && etags.contains_key(&n)));
        listed.output.is_truncated = Some(parts.len() > 2);
        parts.truncate(2);
        for part in &mut parts {
            part.e_tag = etags.get(&part.part_number.unwrap()).cloned();
        }
        listed.output.next_part_number_marker = parts.last().and_then(|part| part.part_number);
        listed.output.parts = Some(parts);
        Ok(listed)
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let id = req.input.upload_id.clone();
        let etags = self.known(&id)?.etags;
        let listed = req.input.multipart_upload.as_ref().and_then(|upload| upload.parts.clone());
        let listed =
            listed.unwrap_or_default().into_iter().map(|part| (part.part_number.unwrap(), part.e_tag));
        let ours: BTreeSet<_> =
            etags.into_iter().map(|(number, etag)| (number, format!("{etag:?}"))).collect();
        let theirs: BTreeSet<_> = listed.map(|(n, etag)| (n, format!("{:?}", etag.unwrap()))).collect();
        if ours != theirs {
            return Err(s3_error!(InvalidPart));
        }
        let completed = self.fs.complete_multipart_upload(req).await?;
        self.uploads.lock().unwrap().remove(&id);
        Ok(completed)
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let id = req.input.upload_id.clone();
        let _none = self.known(&id)?.writing.write_owned().await;
        let aborted = self.fs.abort_multipart_upload(req).await?;
        self.uploads.lock().unwrap().remove(&id);
        Ok(aborted)
    }

    async fn delete_object(
        &self,
        req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        self.fs.delete_object(req).await
    }

    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
        self.fs.head_object(req).await
    }
}
