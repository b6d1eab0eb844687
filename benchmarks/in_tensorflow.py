WORKLOADS: dict = {}
