"""Host tables: loaders of official files, downloads, filters and splits. They all return `types.Interactions`."""
