export default function MapPage() {
  return (
    <div className="page">
      <h1>Map</h1>
    </div>
  );
}
