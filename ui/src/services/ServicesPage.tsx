export default function ServicesPage() {
  return (
    <div className="page">
      <h1>Services</h1>
    </div>
  );
}
