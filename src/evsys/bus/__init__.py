"""The bus between gateway and office: request and answer, publish and subscribe. Nothing on it is durable."""
