"""The stylesheet."""

from litestar import Controller, Response, get

from service.api.pages import rendering


class AssetController(Controller):
    tags = ("Pages",)
    include_in_schema = False

    @get(rendering.STYLE_PATH, operation_id="getStyle")
    async def style(self) -> Response[bytes]:
        """Its address changes whenever it does."""
        return Response(
            rendering.STYLE,
            media_type="text/css",
            headers={"Cache-Control": "public, max-age=31536000, immutable"},
        )
