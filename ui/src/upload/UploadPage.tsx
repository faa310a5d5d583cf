export default function UploadPage() {
  return (
    <div className="page">
      <h1>Open a file</h1>
    </div>
  );
}
