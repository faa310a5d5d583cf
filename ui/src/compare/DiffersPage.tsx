export default function DiffersPage() {
  return (
    <div className="page">
      <h1>What differs</h1>
    </div>
  );
}
