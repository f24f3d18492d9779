"""The public pages: server-rendered, in Indonesian and English, without a needed script."""
