// Puts clips into S3 as one would with the AWS SDK for JavaScript: GetClip's payload into lib-storage's Upload.
//
//     node_clip.cjs STREAM BUCKET KEY START END [START END]...        (seconds since 1970)
//
// As boto3_clip.py, object by object, and it prints the same line.

const { KinesisVideoClient, GetDataEndpointCommand } = require('@aws-sdk/client-kinesis-video');
const { KinesisVideoArchivedMediaClient, GetClipCommand } = require('@aws-sdk/client-kinesis-video-archived-media');
const { S3Client } = require('@aws-sdk/client-s3');
const { Upload } = require('@aws-sdk/lib-storage');

const cpu = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
};

const main = async (StreamName, Bucket, key, ...ends) => {
  const s3 = new S3Client({});
  const asked = new GetDataEndpointCommand({ StreamName, APIName: 'GET_CLIP' });
  const { DataEndpoint: endpoint } = await new KinesisVideoClient({}).send(asked);
  const archived = new KinesisVideoArchivedMediaClient({ endpoint });

  const before = { wall: performance.now() / 1e3, cpu: cpu() };
  for (let number = 0; 2 * number < ends.length; number += 1) {
    const [StartTimestamp, EndTimestamp] = ends
      .slice(2 * number, 2 * number + 2)
      .map((seconds) => new Date(seconds * 1e3));
    const clip = await archived.send(
      new GetClipCommand({
        StreamName,
        ClipFragmentSelector: {
          FragmentSelectorType: 'PRODUCER_TIMESTAMP',
          TimestampRange: { StartTimestamp, EndTimestamp },
        },
      }),
    );
    const params = { Bucket, Key: `${key}-${number}.mp4`, Body: clip.Payload, ContentType: 'video/mp4' };
    await new Upload({ client: s3, params }).done();
  }
  const took = { transfer_wall: performance.now() / 1e3 - before.wall, transfer_cpu: cpu() - before.cpu };
  console.log(JSON.stringify(took));
};

main(...process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
